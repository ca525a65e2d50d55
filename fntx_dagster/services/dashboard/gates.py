"""The limits of the gates for one book, how much of each is used, and its circuit breakers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from fntx_dagster.ledger import breaker
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.dashboard.books import SeenBook, caller_of
from fntx_dagster.services.orders import guarding
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.guarding import Entity
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.ledger import book_list, books, reading
from fntx_dagster.store.ledger.books import About

RESET, TRIP = ACTIONS = ("reset", "trip")
_MOST_BOTS, _TRIPS = 100, 50


class BreakerShown(NamedTuple):
    """The breaker of a bot, or of the user (`bot_id` empty): the trip that it has not been reset from, the figures that
    it judges now, how many orders were approved today and may be; whether the visitor may reset it."""

    bot_id: str
    trip: Mapping[str, Any] | None
    metrics: Mapping[str, str | int | None]
    used: int
    most: int
    may_reset: bool


class GatesShown(NamedTuple):
    """`exchanges`: exchange → approved orders in the burst window; `breakers`: the user's first, then those of the
    bots that are tripped, and of the other bots the first hundred by name; `trips`: the newest fifty, newest first."""

    rules: Rules
    exchanges: Mapping[str, int]
    breakers: list[BreakerShown]
    trips: Sequence[Mapping[str, Any]]
    at: datetime


class NotDone(NamedTuple):
    """Why an action was not carried out, and the HTTP status that says so."""

    words: str
    status: int


def gates_of(desk: Desk, visitor: Visitor, book: SeenBook) -> GatesShown:
    """The gates of a book at the prices of now."""
    now, rules, book_id, caller = desk.clock(), desk.rules, book.row.book_id, caller_of(visitor)
    with desk.db.snapshot() as db:
        with db.connect() as connection:
            stored = books.read(connection, book_id, About(now))
        used = book_list.approved_on(db, book_id, desk.day(now))
        bots = book_list.bots_of(db, book_id, _MOST_BOTS)
        exchanges = reading.burst(db, book_id, now - rules.burst_window, now)
        tripped = reading.standing_trips(db, book_id)
        trips = reading.trips(db, book_id, None, _TRIPS)
    stored.book.observe(desk.day(now))
    shown = []
    stopped = sorted(name for name in tripped if name != USER)
    for name in (USER, *stopped, *(bot for bot in bots if bot not in tripped)):
        whose = Entity(book.row.user_id, name or None)
        shown.append(
            BreakerShown(
                name,
                tripped.get(name),
                breaker.metrics(stored.book, name, now),
                used.get(name, 0) if name else sum(used.values()),
                rules.bot_daily if name else rules.user_daily,
                name in tripped and visitor.may_act and guarding.may_reset(caller, whose),
            )
        )
    return GatesShown(rules, exchanges, shown, trips, now)


def act(desk: Desk, visitor: Visitor, book: SeenBook, action: str, bot_id: str, reason: str) -> NotDone | None:
    """Reset a breaker of a book that the visitor sees, or trip it by hand; the ledger states who did it.

    `bot_id`: empty for the user's own. Returns why it was not done; None where it was. Raises Transient where the book
    stays locked.
    """
    caller, whose = caller_of(visitor), Entity(book.row.user_id, bot_id or None)
    does = guarding.reset if action == RESET else guarding.kill
    try:
        does(desk, caller, whose, book.row.is_paper, reason, desk.clock())
    except Declined as refused:
        return NotDone("; ".join(fault.message for fault in refused.faults), refused.status)
    return None
