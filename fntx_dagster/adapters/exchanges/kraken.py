"""Kraken, spot. A client id is unique among open orders only, so an order is never sent again under it.

The fee is asked for in the quote currency (`fciq`), which is the currency that Kraken's list of trades states it in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import ccxt

from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange, best_of, in_milliseconds
from fntx_dagster.model.orders import Quote


class Kraken(CcxtExchange):
    """An account at Kraken."""

    name = "kraken"
    asks_currencies = True
    known_errors: ClassVar[Mapping[str, type[ccxt.BaseError]]] = {
        "EAPI:Invalid signature": ccxt.AuthenticationError,
        "EOrder:": ccxt.InvalidOrder,  # the kind of error by which Kraken refuses an order
    }
    burst = 45
    order_parameters: ClassVar[Mapping[str, Any]] = {"oflags": "fciq"}

    def best(self, client: Any, market: Mapping[str, Any]) -> Quote:
        """From the order book, whose times are those of its levels."""
        [answer] = client.publicGetDepth({"pair": market["id"], "count": 1})["result"].values()
        return best_of(answer["bids"], answer["asks"], 0, 1, datetime.now(UTC))

    def search(self, client: Any, client_id: str, symbol: str, since: datetime) -> Iterable[Mapping[str, Any]]:
        """Among open orders first: one that closes in between is then among the closed ones."""
        yield from client.fetch_open_orders(symbol, None, None, {"clientOrderId": client_id})
        yield from client.fetch_closed_orders(symbol, None, None, {"clientOrderId": client_id})

    def trades(self, client: Any, market: Mapping[str, Any], since: datetime) -> Iterator[Mapping[str, Any]]:
        """Of all markets, fifty to a page, the newest first; the first second is left out by Kraken."""
        place, total = 0, 1
        while place < total:
            request = {"start": in_milliseconds(since) // 1000 - 1, "ofs": place}
            answer = client.privatePostTradesHistory(request)["result"]
            rows = [row | {"id": trade_id} for trade_id, row in answer["trades"].items()]
            yield from (trade for trade in client.parse_trades(rows) if trade["symbol"] == market["symbol"])
            place, total = place + len(rows), int(answer["count"]) if rows else 0

    def fee_rates(self, client: Any, market: Mapping[str, Any]) -> tuple[str, str]:
        """A market without fees of its own for makers charges them the takers'."""
        maker, taker = super().fee_rates(client, market)
        return maker or taker, taker

    def price_step(self, market: Mapping[str, Any]) -> str:
        """The tick, which may be coarser than the decimals that ccxt counts."""
        return market["info"].get("tick_size") or super().price_step(market)
