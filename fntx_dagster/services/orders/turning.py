"""A paper order's turn: from what this process keeps of the book where that still counts, else from the database.

A warm turn holds no lock and reads nothing; one statement stores it, in a transaction of its own, if the book's version
is the one that was kept. Where it is not, where the key has an answer, or where the turn needs more than is kept, the
turn is taken anew under the lock of the book.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import TypeVar

from fntx_dagster.services.orders.lots import are_all
from fntx_dagster.services.orders.turn import Desk, Turn, Unread, begun
from fntx_dagster.services.orders.waiting import alone
from fntx_dagster.services.orders.warm import WarmBook
from fntx_dagster.store.ledger.books import About, Stored

T = TypeVar("T")


def taken(desk: Desk, user_id: str, about: About, do: Callable[[Turn], T]) -> T:
    """What `do` returns of a turn on the user's paper book, about an order. It may be done twice, and once is stored.

    Raises Transient where the book's lock or the database is not to be had in time.
    """
    with alone(desk.db.url, user_id, True):
        if (kept := desk.warm.take(user_id)) and kept.serves(about):
            with suppress(Unread):
                at = Turn(desk, None, kept.at(about), about)
                done = do(at)
                with desk.db.connect() as connection:
                    version = at.store(alone_on=connection)
                if version:
                    if left := _left(at, version):
                        desk.warm.keep(user_id, kept.left(left, about))
                    return done
        with desk.db.connect() as connection:
            at = begun(desk, connection, user_id, True, about)
            done = do(at)
            version = at.store()
        if version and (left := _left(at, version)):
            desk.warm.keep(user_id, WarmBook(left, at.key.bot_id, at.day, at.now))
        return done


def _left(at: Turn, version: str) -> Stored | None:
    """The book as the turn left it. None where the next one has to read more: a book that was read whole is valued
    first, and what rests, or a trip, is not of this bot alone."""
    stored, written = at.stored, at.changes
    if stored.only is None or at.resting or written.trips or not (written.entries or written.quote_history):
        return None
    usage = stored.usage
    if written.approvals:
        usage = usage._replace(bot_today=usage.bot_today + 1, user_today=usage.user_today + 1)
        insort(stored.approved, at.now)
    lots = [*at.book.lots[at.key]]
    at.book.lots.clear()
    return stored._replace(
        head=at.head,
        first_day=at.first_day,
        resting=[],
        usage=usage,
        reducing=Decimal(0),  # of the bot, in the symbol, where nothing rests
        answer=None,
        lots=lots if are_all(lots, at.book, at.key) else [],
        version=version,
    )
