"""How live books are served: the ages of the prices that they need, orders of unknown outcome, the watcher's heartbeat.

Ages are whole seconds at the clock of the desk.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.services.orders.prices import ASKED_FOR
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books, prices, watch

ABANDONED = timedelta(seconds=60)
"""An order that has been `submitting` for so long has nobody who works on it."""
FRESH, OLD, HELD_BACK, MISSING = "fresh", "old", "held back", "missing"


class MarketState(NamedTuple):
    """The newest price of a symbol that a live book needs. `state`: `fresh` for an order of now, `old`, `held back`
    because a later price jumped, or `missing`."""

    exchange: str
    symbol: str
    state: str
    bid: str | None = None
    ask: str | None = None
    priced_at: datetime | None = None
    age: int | None = None


class TaskState(NamedTuple):
    """A task of the watcher: how long ago it last worked and last succeeded, what went wrong, and who works on it."""

    task: str
    age: int
    success_age: int | None
    problem: str | None
    holder: str


def prices_needed(desk: Desk, user_id: str | None = None) -> list[MarketState]:
    """The prices that the live books of a user need, or all, by exchange and symbol."""
    now = desk.clock()
    with desk.db.snapshot() as db:
        wants = {want.name for want in prices.wanted(db, now - ASKED_FOR) if user_id in (None, want.user_id)}
        newest = prices.newest(db, wants)
    found = []
    for exchange, symbol in sorted(wants):
        price = newest.get((exchange, symbol))
        if price is None:
            found.append(MarketState(exchange, symbol, MISSING))
            continue
        quote, age = price.quote, now - price.quote.at
        state = HELD_BACK if price.held else FRESH if age <= desk.rules.oldest_quote else OLD
        figures = (written(quote.bid), written(quote.ask), quote.at, int(age.total_seconds()))
        found.append(MarketState(exchange, symbol, state, *figures))
    return found


def watcher_state(desk: Desk) -> list[TaskState]:
    """The tasks of the watcher, by name; none where it never ran."""
    now = desk.clock()

    def age(at: datetime) -> int:
        return int((now - at).total_seconds())

    return [
        TaskState(beat.task, age(beat.beat_at), beat.succeeded_at and age(beat.succeeded_at), beat.problem, beat.holder)
        for beat in watch.heartbeats(desk.db)
    ]


def service_state(desk: Desk, user_id: str) -> dict[str, Any]:
    """What the API answers a user: of his live book the prices and the orders of unknown outcome, and of each task of
    the watcher when it last worked; what went wrong in it is the operator's to see."""
    now = desk.clock()
    book_id = books.book_of(desk.db, user_id, False)
    unknown = [order for order in watch.unknown_orders(desk.db, now - ABANDONED) if order.book_id == book_id]
    return {
        "as_of": moment(now),
        "prices": [
            {
                **{name: getattr(market, name) for name in ("exchange", "symbol", "state", "bid", "ask")},
                "priced_at": market.priced_at and moment(market.priced_at),
                "age_seconds": market.age,
            }
            for market in prices_needed(desk, user_id)
        ],
        "unknown_orders": [{"order_id": order.order_id, "since": moment(order.changed_at)} for order in unknown],
        "watcher": [
            {"task": task.task, "age_seconds": task.age, "succeeded_seconds_ago": task.success_age}
            for task in watcher_state(desk)
        ],
    }
