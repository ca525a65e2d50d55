"""A provider of signals who sends them through the services of the API, at moments that the test says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.receiving import enter_signal, leave_signal
from fntx_dagster.store.database import Database

STRIKE = {
    "token": "45678",
    "exchange": "NFO",
    "index_name": "NIFTY",
    "DOE": "2026-03-26",
    "strike_price": "23500",
    "position": "CE",
    "symbol": "NIFTY26MAR23500CE",
    "lot_qty": "1",
}


class Provider:
    """One strategy. `wishes`: who takes part in its entries."""

    def __init__(self, db: Database, strategy: str = "STRATEGY_001") -> None:
        self.desk = Desk(db)
        self.strategy = strategy
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        self.wishes: list[dict[str, Any]] = [{"user_id": f"user{number}", "qty": "1"} for number in range(1, 6)]

    def later(self, **more: float) -> None:
        self.now += timedelta(**more)

    def enter(self, unique_id: str, ask: str = "100", signal: str = "BUY_ENTRY", **more: Any) -> dict[str, Any]:
        body = {"signal": signal, "strike_data": STRIKE, "allocations": self.wishes, "quote": {"bid": ask, "ask": ask}}
        return self._sent(enter_signal, unique_id, body | more)

    def leave(self, unique_id: str, bid: str = "110", signal: str = "BUY_EXIT", **more: Any) -> dict[str, Any]:
        return self._sent(leave_signal, unique_id, {"signal": signal, "quote": {"bid": bid, "ask": bid}} | more)

    def _sent(self, carry_out: Any, unique_id: str, body: dict[str, Any]) -> dict[str, Any]:
        names = {"strategy_code": self.strategy, "unique_id": unique_id, "token": "23", "strike_price_token": "45678"}
        return json.loads(carry_out(self.desk, "provider", json.dumps(names | body).encode(), self.now).body)["data"]
