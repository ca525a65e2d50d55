"""KuCoin, spot. ccxt asks which of KuCoin's three kinds of account the keys belong to, and uses its endpoints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import ccxt

from fntx_dagster.adapters.exchanges.ccxt_exchange import CcxtExchange, best_of, in_milliseconds, moment
from fntx_dagster.model.orders import Quote

_PAGE = 100
_WINDOW = 7 * 86_400_000
"""Milliseconds that one request for fills may cover."""


class KuCoin(CcxtExchange):
    """An account at KuCoin."""

    name = "kucoin"
    options: ClassVar[Mapping[str, Any]] = {
        "fetchMarkets": {"types": ["spot"], "fetchTickersFees": False},
        "partner": {"spot": {"id": None, "key": None}},  # else orders carry the mark of ccxt's makers
    }
    market_parameters: ClassVar[Mapping[str, Any]] = {"marginables": False}

    def best(self, client: Any, market: Mapping[str, Any]) -> Quote:
        """From the order book: the time of the ticker is that of the last trade."""
        answer = client.publicGetMarketOrderbookLevel220({"symbol": market["id"]})["data"]
        return best_of(answer["bids"], answer["asks"], 0, 1, moment(answer["time"]))

    def search(self, client: Any, client_id: str, symbol: str, since: datetime) -> Iterable[Mapping[str, Any]]:
        try:
            found = client.fetch_order(None, symbol, {"clientOid": client_id})
        except ccxt.OrderNotFound:
            return
        if found["id"]:
            yield found

    def trades(self, client: Any, market: Mapping[str, Any], since: datetime) -> Iterator[Mapping[str, Any]]:
        begin = in_milliseconds(since)
        while begin <= client.milliseconds():
            yield from self._window(client, market["symbol"], begin)
            begin += _WINDOW

    def _window(self, client: Any, symbol: str, begin: int) -> Iterator[Mapping[str, Any]]:
        place: dict[str, Any] = {"until": begin + _WINDOW - 1}
        place |= {"limit": _PAGE} if client.options.get("hf") else {"pageSize": _PAGE, "currentPage": 1}
        while True:
            rows = client.fetch_my_trades(symbol, begin, None, place)
            yield from rows
            if len(rows) < _PAGE:
                return
            if "currentPage" in place:
                place = place | {"currentPage": place["currentPage"] + 1}
            else:
                place = place | {"lastId": min(int(row["info"]["id"]) for row in rows)}
