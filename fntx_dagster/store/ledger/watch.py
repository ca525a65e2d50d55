"""What an operator and the watcher look at over all books: heartbeats of tasks, trips, orders of unknown outcome."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from psycopg.rows import class_row

from fntx_dagster.store.database import Database, Readable


class Heartbeat(NamedTuple):
    """A task of the watcher: who works on it (process and machine), when it last did, when it last succeeded, and what
    went wrong the last time (None: nothing)."""

    task: str
    holder: str
    beat_at: datetime
    succeeded_at: datetime | None
    problem: str | None


class TripRow(NamedTuple):
    """A trip of a breaker: the book's user, or a bot of it. `reset_at`: None while it is tripped."""

    book_id: int
    is_paper: bool
    trip_no: int
    bot_id: str
    trigger_type: str
    trigger_reason: str
    tripped_at: datetime
    reset_at: datetime | None


class UnknownOrder(NamedTuple):
    """An order of which nobody knows whether the exchange has it: its state is `unknown`, or it is `submitting` and
    nobody works on it any more."""

    order_id: str
    book_id: int
    bot_id: str
    exchange: str
    symbol: str
    changed_at: datetime


def beat(db: Database, task: str, holder: str, at: datetime, problem: str | None) -> None:
    """Note that a task has worked at a moment, and what went wrong."""
    with db.connect() as connection:
        connection.execute(
            """insert into ledger.heartbeats as known (task, holder, beat_at, succeeded_at, problem)
            values (%(task)s, %(holder)s, %(at)s, case when %(problem)s::text is null then %(at)s::timestamptz end,
                %(problem)s)
            on conflict (task) do update set holder = excluded.holder, beat_at = excluded.beat_at,
                succeeded_at = coalesce(excluded.succeeded_at, known.succeeded_at), problem = excluded.problem""",
            {"task": task, "holder": holder, "at": at, "problem": problem},
        )


def heartbeats(db: Readable) -> list[Heartbeat]:
    """Every task that ever worked, by name."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(Heartbeat)) as cursor:
        return cursor.execute(
            "select task, holder, beat_at, succeeded_at, problem from ledger.heartbeats order by task"
        ).fetchall()


def trips(db: Readable, since: datetime) -> list[TripRow]:
    """The trips that were not reset, and those since a moment, oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(TripRow)) as cursor:
        return cursor.execute(
            """select book_id, is_paper, trip_no, bot_id, trigger_type, trigger_reason, tripped_at, reset_at
            from ledger.trips join ledger.books using (book_id)
            where reset_at is null or tripped_at >= %s order by tripped_at, book_id, trip_no""",
            (since,),
        ).fetchall()


def unknown_orders(db: Readable, abandoned: datetime) -> list[UnknownOrder]:
    """The orders of unknown outcome, oldest first. `abandoned`: what was worked on until before that is not any
    more."""
    with db.connect() as connection, connection.cursor(row_factory=class_row(UnknownOrder)) as cursor:
        return cursor.execute(
            """select order_id::text, book_id, bot_id, exchange, symbol, changed_at from ledger.orders
            where state in ('submitting', 'unknown') and (state = 'unknown' or coalesce(held_until, changed_at) < %s)
            order by changed_at, order_id""",
            (abandoned,),
        ).fetchall()
