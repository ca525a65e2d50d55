"""Binance, spot. An order is found by its client id among all that there were; fills are read on by their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

import ccxt

from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange, in_milliseconds
from fntx_dagster.model.orders import Quote

_PAGE = 1000


class Binance(CcxtExchange):
    """An account at Binance, or at what speaks its protocol."""

    name = "binance"
    options: ClassVar[Mapping[str, Any]] = {
        "fetchMarkets": {"types": ["spot"]},
        "fetchMargins": False,
        "defaultType": "spot",
    }

    def best(self, client: Any, market: Mapping[str, Any]) -> Quote:
        answer = client.publicGetTickerBookTicker({"symbol": market["id"]})
        bid, ask, bid_size, ask_size = (Decimal(answer[name]) for name in ("bidPrice", "askPrice", "bidQty", "askQty"))
        return Quote(bid, ask, bid_size, ask_size, datetime.now(UTC))  # it gives no time

    def search(self, client: Any, client_id: str, symbol: str, since: datetime) -> Iterable[Mapping[str, Any]]:
        try:
            yield client.fetch_order(None, symbol, {"clientOrderId": client_id})
        except ccxt.OrderNotFound:
            return

    def trades(self, client: Any, market: Mapping[str, Any], since: datetime) -> Iterator[Mapping[str, Any]]:
        place: dict[str, Any] = {"startTime": in_milliseconds(since)}
        while True:
            rows = client.privateGetMyTrades({"symbol": market["id"], "limit": _PAGE, **place})
            yield from client.parse_trades(rows, market)
            if len(rows) < _PAGE:
                return
            place = {"fromId": max(int(row["id"]) for row in rows) + 1}

    def fee_rates(self, client: Any, market: Mapping[str, Any]) -> tuple[str, str]:
        """Standard, special and tax commission together, on the dearer side; without the discount for paying in BNB,
        which ends with the account's BNB."""
        answer = client.privateGetAccountCommission({"symbol": market["id"]})
        parts = [
            answer[name] for name in ("standardCommission", "specialCommission", "taxCommission") if name in answer
        ]
        side = max(sum(Decimal(part[name]) for part in parts) for name in ("buyer", "seller"))
        maker, taker = (sum(Decimal(part[name]) for part in parts) + side for name in ("maker", "taker"))
        return f"{maker:f}", f"{taker:f}"
