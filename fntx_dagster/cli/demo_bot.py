"""The bot of the demos: a program that trades through the API by its client, and knows what time it is in the demo."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from fntx_dagster.client import Client
from fntx_dagster.model.answers import OrderAnswer, SubmitAnswer

_MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


class DemoBot:
    """`paper` and `live` reach the two books of the bot's user; the paper book is in the simulated time of the demo."""

    def __init__(self, url: str, token: str) -> None:
        self.paper = Client(token, url, now=_MORNING)
        self.live = Client(token, url, is_paper=False)

    @property
    def now(self) -> datetime:
        return self.paper.now or _MORNING

    @now.setter
    def now(self, moment: datetime) -> None:
        self.paper.now = moment

    def order(self, price: str, later: float = 60, **more: Any) -> SubmitAnswer:
        """A market order in a market of one price, a minute after the one before; `more` changes it."""
        self.now += timedelta(seconds=later)
        order: dict[str, Any] = _ORDER | {"quote": {"bid": price, "ask": price, "ts": self.now}} | more
        return self.paper.submit(**order)

    def live_order(self, key: str, **more: Any) -> SubmitAnswer:
        """An order to an exchange."""
        order: dict[str, Any] = _ORDER | {"idempotency_key": key} | more
        return self.live.submit(**order)

    def live_status(self, order: SubmitAnswer) -> OrderAnswer:
        """The order as it is now."""
        return self.live.order(order["order_id"])


_ORDER: dict[str, Any] = {
    "bot_id": "demo",
    "exchange": "binance",
    "symbol": "BTC/USDT",
    "side": "buy",
    "amount": "0.5",
    "expected_edge_bps": "80",
}
