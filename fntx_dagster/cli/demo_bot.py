"""The bot of the demo of orders: a program that knows the API's address and a token."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

_MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)


class DemoBot:
    """A program that trades: it knows the API's address and a token, and what time it is in the demo."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token
        self.now = _MORNING

    def get(self, path: str) -> Any:
        return self._call(path, None)

    def post(self, path: str, **body: object) -> Any:
        return self._call(path, json.dumps(body).encode())

    def order(self, price: str, later: float = 60, **more: object) -> dict[str, Any]:
        """An order in a market of one price, a minute after the one before."""
        self.now += timedelta(seconds=later)
        quote = {"bid": price, "ask": price, "ts": self.now.isoformat()}
        body = {"bot_id": "demo", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "0.5"}
        return self.post("/api/orders/submit", **(body | {"quote": quote, "expected_edge_bps": "80"} | more))

    def live_order(self, key: str, **more: object) -> dict[str, Any]:
        """An order to an exchange."""
        body = {"bot_id": "demo", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "0.5"}
        own = {"is_paper": False, "idempotency_key": key, "expected_edge_bps": "80"}
        return self.post("/api/orders/submit", **(body | own | more))

    def status(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order as it is now."""
        return self.get(f"/api/orders/{order['order_id']}/status")

    def _call(self, path: str, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "FNTX-Now": self.now.isoformat()}
        request = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
