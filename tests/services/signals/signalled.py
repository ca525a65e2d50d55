"""Signals for tests of what happens to them later: a clock, and messages of the strategy `S`."""

from __future__ import annotations

import json
from datetime import UTC, datetime


class Clock:
    """A desk's clock; the test moves it."""

    now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def entry_of(unique_id: str, token: str = "1", signal: str = "BUY_ENTRY", **more: object) -> bytes:
    """An entry of an option that expires on 26 March 2026, for `ada` (1) and `bob` (2)."""
    quote = {name: str(more.pop(name)) for name in ("bid", "ask") if name in more}
    option = {"symbol": f"NIFTY26MAR2350{token}CE", "DOE": "2026-03-26", "exchange": str(more.pop("exchange", "NFO"))}
    wishes = [{"user_id": "ada", "qty": "1"}, {"user_id": "bob", "qty": "2"}]
    return _message(unique_id, token, signal, quote, strike_data=option, allocations=wishes, **more)


def exit_of(unique_id: str, token: str = "1", signal: str = "BUY_EXIT", **more: object) -> bytes:
    """An exit of one."""
    quote = {name: str(more.pop(name)) for name in ("bid", "ask") if name in more}
    return _message(unique_id, token, signal, quote, **more)


def _message(unique_id: str, token: str, signal: str, quote: dict[str, str], **more: object) -> bytes:
    named = {"token": "26000", "signal": signal, "unique_id": unique_id, "strike_price_token": token}
    return json.dumps({**named, "strategy_code": "S", **({"quote": quote} if quote else {}), **more}).encode()
