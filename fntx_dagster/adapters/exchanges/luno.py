"""Luno. ccxt knows no client id there, calls no order filled, and loses a fee that is in the quote currency: what it
lacks is read from Luno's own answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

import ccxt

from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange, best_of, in_milliseconds, moment
from fntx_dagster.model.exchanges import ExchangeState, FoundFill, SentOrder
from fntx_dagster.model.orders import OrderFill, Quote

_PAGE = 100


class Luno(CcxtExchange):
    """An account at Luno."""

    name = "luno"
    burst = 5
    client_id_parameter = "client_order_id"
    states: ClassVar[Mapping[str, ExchangeState]] = {**CcxtExchange.states, "AWAITING": "open", "COMPLETE": "filled"}

    def best(self, client: Any, market: Mapping[str, Any]) -> Quote:
        answer = client.publicGetOrderbookTop({"pair": market["id"]})
        return best_of(answer["bids"], answer["asks"], "price", "volume", moment(answer["timestamp"]))

    def search(self, client: Any, client_id: str, symbol: str, since: datetime) -> Iterable[Mapping[str, Any]]:
        """By version 3 of the request for one order, which ccxt does not have."""
        request = client.sign("order", ["exchangePrivate"], "GET", {"client_order_id": client_id})
        url = request["url"].replace("/exchange/1/order", "/exchange/3/order")
        try:
            answer = client.fetch(url, "GET", request["headers"])
        except ccxt.OrderNotFound:
            return
        yield client.parse_order(answer | {"state": answer["status"]}, client.market(symbol))

    def trades(self, client: Any, market: Mapping[str, Any], since: datetime) -> Iterator[Mapping[str, Any]]:
        place: dict[str, Any] = {"since": in_milliseconds(since)}
        while True:
            rows = client.privateGetListtrades({"pair": market["id"], "limit": _PAGE, **place})["trades"] or []
            yield from rows
            if len(rows) < _PAGE:
                return
            place = {"after_seq": max(int(row["sequence"]) for row in rows)}

    def fill(self, trade: Mapping[str, Any], market: Mapping[str, Any]) -> FoundFill:
        """`is_buy` says whether the taker bought."""
        buys = trade["type"] in ("BID", "BUY")
        in_base, in_quote = Decimal(trade["fee_base"]), Decimal(trade["fee_counter"])
        return FoundFill(
            trade.get("client_order_id") or "",
            trade["order_id"],
            market["symbol"],
            OrderFill(
                f"{trade['sequence']}",
                "buy" if buys else "sell",
                Decimal(trade["volume"]),
                Decimal(trade["price"]),
                in_base or in_quote,
                market["base"] if in_base else market["quote"],
                "taker" if buys is trade["is_buy"] else "maker",
                moment(trade["timestamp"]),
            ),
        )

    def time_in_force(self, order: SentOrder) -> Mapping[str, str]:
        return {"time_in_force": order.time_in_force}
