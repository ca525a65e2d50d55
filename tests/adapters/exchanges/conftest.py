"""Every exchange that is reached through ccxt, each on loopback as a paper exchange that speaks its protocol."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import uuid4

import pytest

from fntx_dagster.adapters.exchanges.opening import open_exchange
from fntx_dagster.model.exchanges import Exchange, MarketRules, SentOrder
from fntx_dagster.model.orders import Quote, Side
from fntx_dagster.settings.exchanges import ExchangeKeys
from fntx_dagster.simulate.exchanges.binance import BinanceDialect
from fntx_dagster.simulate.exchanges.kraken import KrakenDialect
from fntx_dagster.simulate.exchanges.kucoin import KuCoinDialect
from fntx_dagster.simulate.exchanges.luno import LunoDialect
from fntx_dagster.simulate.exchanges.paper import ClientIds, PaperExchange
from fntx_dagster.simulate.exchanges.server import Dialect, ExchangeServer, serve_exchange

SYMBOL, FINE = "BTC/USDT", "ETH/USDT"
"""A market with steps of 0.00001 and 0.01 and a least cost; one whose amounts have sixteen decimals."""
KEY, SECRET, PASSWORD = "the-key-9f27", b64encode(b"the secret of the account").decode(), "the-passphrase-31"
PATIENCE = 20
"""Seconds that an answer may take: no busy machine makes a test fail."""
KEYS = ExchangeKeys.model_validate({"key": KEY, "secret": SECRET, "password": PASSWORD})
MARKETS = (
    MarketRules(SYMBOL, Decimal("0.00001"), Decimal("0.01"), Decimal("0.0001"), Decimal(5)),
    MarketRules(FINE, Decimal("1e-16"), Decimal("0.0001"), Decimal("1e-16")),
)
DIALECTS: dict[str, tuple[ClientIds, Callable[[PaperExchange], Dialect]]] = {
    "binance": ("until_filled", BinanceDialect),
    "kucoin": ("for_ever", lambda exchange: KuCoinDialect(exchange, {KEY: PASSWORD})),
    "kraken": ("among_open", KrakenDialect),
    "luno": ("for_ever", LunoDialect),
}


class Venue(NamedTuple):
    """An exchange, the account that an adapter opened at it, and how to write an order there."""

    server: ExchangeServer
    account: Exchange

    def show(self, bid: str, ask: str, size: str | None = None, symbol: str = SYMBOL) -> None:
        """The market's next quote."""
        each = None if size is None else Decimal(size)
        self.server.exchange.show(symbol, Quote(Decimal(bid), Decimal(ask), each, each, datetime.now(UTC)))

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, with their methods."""
        return [f"{one.method} {one.path}" for one in self.server.requests]


def order(
    amount: str, price: str, *, side: Side = "buy", symbol: str = SYMBOL, at_once: bool = False, client_id: str = ""
) -> SentOrder:
    """An order with a client id of its own."""
    force = "IOC" if at_once else "GTC"
    return SentOrder(client_id or uuid4().hex, symbol, side, Decimal(amount), Decimal(price), force)


@pytest.fixture(params=sorted(DIALECTS))
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    """Each exchange in turn, at 99.99 to 100."""
    client_ids, dialect = DIALECTS[request.param]
    exchange = PaperExchange(request.param, MARKETS, {KEY: SECRET}, client_ids=client_ids)
    with serve_exchange(dialect(exchange)) as server:
        venue = Venue(server, open_exchange(request.param, KEYS, server.url, PATIENCE))
        venue.show("99.99", "100")
        venue.show("9.99", "10.0001", symbol=FINE)
        yield venue
    assert server.problems == []
