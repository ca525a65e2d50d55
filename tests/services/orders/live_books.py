"""Live books and an exchange for tests of what watches them: what is bought is booked through a turn, and prices are
said by the test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from fntx_dagster.errors import FntxError
from fntx_dagster.model.orders import OrderFill, Quote
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.turn import Desk, OrderRow, turn
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger.books import About

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Clock:
    """The desk's clock: it stands still unless the test moves it."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Market:
    """An exchange of which only prices are asked. A symbol without one raises what the test says of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.mids: dict[str, str] = {}
        self.fails: dict[str, FntxError | Exception] = {}
        self.asked: list[str] = []

    def quote(self, symbol: str) -> Quote:
        self.asked.append(symbol)
        if symbol in self.fails:
            raise self.fails[symbol]
        price = Decimal(self.mids[symbol])
        return Quote(price, price, Decimal(1), Decimal(1), self.clock.now)


def live_desk(database: Database) -> tuple[Desk, Clock]:
    clock = Clock()
    return Desk(database, clock=clock), clock


def deposit(desk: Desk, amount: str = "1000", user: str = "ada", bot: str | None = None) -> None:
    own = f',"bot_id":"{bot}"' if bot else ""
    body = f'{{"amount": "{amount}", "is_paper": false{own}}}'.encode()
    fund(desk, user, requests.funding(body, None), desk.clock())


def asked(
    desk: Desk, symbol: str, exchange: str = "binance", user: str = "ada", state: str = "rejected", bot: str = "bot"
) -> str:
    """An order of a live book as its row is stored: its id."""
    now = desk.clock()
    with turn(desk, user, False, About(now)) as at:
        order = _row(symbol, exchange, bot, now)
        order["approved_at"] = None if state == "rejected" else now.isoformat()
        at.changes.bots.add(bot)
        at.move(order, state)
    return order["order_id"]


def bought(
    desk: Desk, quantity: str, price: str, symbol: str = "BTC/USDT", exchange: str = "binance", bot: str = "bot"
) -> None:
    """A live fill of ada's book, negative of a sale."""
    now = desk.clock()
    side = "sell" if quantity.startswith("-") else "buy"
    amount = Decimal(quantity.removeprefix("-"))
    with turn(desk, "ada", False, About(now)) as at:
        order = _row(symbol, exchange, bot, now) | {"amount": f"{amount}", "side": side}
        at.changes.bots.add(bot)
        at.move(order, "approved")
        currency = symbol.partition("/")[2]
        trade = OrderFill(uuid4().hex, side, amount, Decimal(price), Decimal(0), currency, "taker", now)
        at.fill(order, trade)


def _row(symbol: str, exchange: str, bot: str, now: datetime) -> OrderRow:
    return {
        "order_id": str(uuid4()),
        "bot_id": bot,
        "exchange": exchange,
        "symbol": symbol,
        "side": "buy",
        "amount": "1",
        "order_type": "market",
        "price": None,
        "expected_edge_bps": None,
        "reduce_only": False,
        "idempotency_key": uuid4().hex,
        "gates_passed": [],
        "gate_failed": None,
        "reason_code": None,
        "rejection_reason": None,
        "summary": {},
        "filled": "0",
        "paid": "0",
        "created_at": now.isoformat(),
        "approved_at": now.isoformat(),
    }
