"""What an approved proposal does to the breakers of live books: the kill switch trips them, a reset ends that.

It happens in the transaction of the decision: each book is locked, in the order of their numbers, before the audit log
is written. Live orders that rest are marked, and the watcher cancels them at their exchanges.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.ledger import breaker
from fntx_dagster.ledger.book import USER
from fntx_dagster.services.governance.payloads import BreakerTerms
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.guarding import BY_PROPOSAL, MANUAL
from fntx_dagster.services.orders.turn import Turn, begun
from fntx_dagster.services.orders.waiting import alone
from fntx_dagster.store import prepared
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.ledger import checking, reading
from fntx_dagster.store.ledger.books import About

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.proposals import ProposalRow


def require_books(connection: Connection, terms: BreakerTerms) -> None:
    """Raise Permanent where a proposal names a user without a live book, or a bot that is not in it."""
    if terms.user is not None:
        _chosen(connection, terms)


def kill_books(
    settings: Settings, db: Database, connection: Connection, row: ProposalRow, terms: BreakerTerms, now: datetime
) -> list[NewAuditEvent]:
    """Trip the breaker that a proposal names, or those of the users of all live books: nothing but reduce-only orders
    passes until an approved proposal resets it. One that is tripped already stays as it is."""

    def kill(at: Turn, name: str) -> None:
        if name not in at.tripped:
            words = f"{BY_PROPOSAL} {row.proposal_id}: {terms.reason}"
            at.trip(name, breaker.Trigger(MANUAL, words, breaker.metrics(at.book, name, now)))

    return _with_each(settings, db, connection, terms, now, kill)


def reset_books(
    settings: Settings,
    db: Database,
    connection: Connection,
    row: ProposalRow,
    terms: BreakerTerms,
    by: str,
    now: datetime,
) -> list[NewAuditEvent]:
    """Reset the breaker that a proposal names, whatever tripped it; without a name those that a `trade.kill`
    tripped."""
    reading_here = InTransaction(connection)

    def reset(at: Turn, name: str) -> None:
        standing = reading.trip(reading_here, at.stored.book_id, name)
        if standing is None or not (terms.user or standing["trigger_reason"].startswith(BY_PROPOSAL)):
            return
        at.reset(name, by, f"{BY_PROPOSAL} {row.proposal_id}: {terms.reason}")

    return _with_each(settings, db, connection, terms, now, reset)


def _with_each(
    settings: Settings,
    db: Database,
    connection: Connection,
    terms: BreakerTerms,
    now: datetime,
    do: Callable[[Turn, str], None],
) -> list[NewAuditEvent]:
    """A turn on each book that is meant, and what the audit log says of them."""
    events: list[NewAuditEvent] = []
    desk = replace(desk_of(settings, db), note=lambda _, told: events.extend(told))
    prepared.learn(connection)
    for user_id in _chosen(connection, terms):
        with alone(db.url, user_id, False):
            at = begun(desk, connection, user_id, False, About(now))
            at.observe()
            do(at, terms.bot or USER)
            at.store()
    return events


def _chosen(connection: Connection, terms: BreakerTerms) -> list[str]:
    """The users of the live books that are meant, in the order in which books are locked."""
    db = InTransaction(connection)
    live = sorted(book for book in checking.listed(db) if not book.is_paper)
    if terms.user is None:
        return [book.user_id for book in live]
    named = [book for book in live if book.user_id == terms.user]
    if not named:
        raise Permanent("the user has no live book", "`fntx ledger status` lists the books")
    if terms.bot is not None and not reading.bot_exists(db, named[0].book_id, terms.bot):
        raise Permanent("the live book of that user has no such bot", "Name a bot of it, or leave `bot` out")
    return [terms.user]
