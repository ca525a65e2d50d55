"""The live part of the demo of orders: an exchange on loopback that loses an answer, and an order that rests there.

The exchange speaks Binance's protocol, and the order goes through the same adapter as to the real one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from rich.table import Table

from fntx_dagster.cli.demo_bot import DemoBot
from fntx_dagster.cli.terminal import note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.model.answers import SubmitAnswer
from fntx_dagster.model.exchanges import MarketRules
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings.exchanges import ExchangesSettings
from fntx_dagster.simulate.exchanges.binance import BinanceDialect
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import ExchangeServer, serve_exchange

_RULES = MarketRules("BTC/USDT", Decimal("0.00001"), Decimal("0.01"), Decimal("0.0001"), Decimal(5))


@contextmanager
def demo_exchange() -> Iterator[tuple[ExchangeServer, ExchangesSettings]]:
    """An exchange on loopback, and the settings with which the user `ada` reaches her account there."""
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    exchange = PaperExchange("binance", [_RULES], {key: secret})
    with serve_exchange(BinanceDialect(exchange)) as server:
        _price(server, "100")
        yield (
            server,
            ExchangesSettings.model_validate(
                {"keys": {"ada": {"binance": {"key": key, "secret": secret}}}, "urls": {"binance": server.url}}
            ),
        )


def live_orders(bot: DemoBot, desk: Desk, server: ExchangeServer) -> None:
    """An order whose answer is lost and one that rests, filled when the price comes to it."""
    title("At an exchange")
    assert desk.live is not None
    try:
        desk.live.account("ada", "binance")
    except Permanent as error:  # its library is an extra
        note(f"No live order is shown: {error}")
        return
    bot.live.fund("10000")
    table = Table("order", "answer", "filled", "what the exchange was asked")
    server.fail("lost")
    _add(table, "a market order whose answer is lost", bot.live_order("live-1"), server)
    resting = bot.live_order("live-2", order_type="limit", price="95.007")
    _add(table, "a limit at 95.007, on steps of 0.01", bot.live_status(resting), server)
    _price(server, "95")
    follow(desk)
    _add(table, "the price comes to it", bot.live_status(resting), server)
    _add(table, "the first key again", bot.live_order("live-1"), server)
    out(table)
    out(
        f"The exchange has {len(server.exchange.orders)} orders: one whose answer is lost is asked for, not sent again."
    )


def _price(server: ExchangeServer, price: str) -> None:
    server.exchange.show("BTC/USDT", Quote(Decimal(price), Decimal(price), None, None, datetime.now(UTC)))


def _add(table: Table, what: str, answer: SubmitAnswer, server: ExchangeServer) -> None:
    """A row; of what was asked since the row before, orders and fills, each once."""
    names = [f"{request.method} {request.path.removeprefix('/api/v3/')}" for request in server.requests]
    server.requests.clear()
    asked = [name for name in dict.fromkeys(names) if name.endswith(("order", "myTrades"))]
    table.add_row(what, answer["state"], answer["filled_amount"], ", ".join(asked) or "nothing")
