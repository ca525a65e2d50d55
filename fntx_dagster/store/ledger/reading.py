"""What the API reads of a book: orders, fills, entries, days, trips, limits. Nothing here locks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import dict_row, namedtuple_row

from fntx_dagster.ledger.entries import Entry, Head, StoredEntry
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_value

_ENTRIES_AT_ONCE = 5000


class BookDay(NamedTuple):
    """A trading day of a book, in its reporting currency: its fills, fees, volume, gross realised P&L and net flows;
    the equity and units of its last valuation (None before the first money)."""

    day: date
    trades: int
    fees: Decimal
    volume: Decimal
    realized: Decimal
    flows: Decimal
    equity: Decimal | None
    units: Decimal | None


class FillsWanted(NamedTuple):
    """Which fills: of a bot, from `since` on, before `until`, below the entry `before`; the newest `limit` of them."""

    bot_id: str | None
    since: datetime | None
    until: datetime | None
    before: int | None
    limit: int


def order(db: Readable, user_id: str, order_id: str) -> Mapping[str, Any] | None:
    """An order of the user, in whichever of his books; None where he has none such."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select orders.*, order_id::text, is_paper from ledger.orders join ledger.books using (book_id)
            where order_id = %s and user_id = %s""",
            (order_id, user_id),
        ).fetchone()


def pending(db: Readable, book_id: int, bot_id: str | None) -> Sequence[Mapping[str, Any]]:
    """The orders that may still be filled, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select orders.*, order_id::text from ledger.orders
            where book_id = %s and bot_id = coalesce(%s, bot_id)
                and state in ('approved', 'submitting', 'open', 'partially_filled', 'unknown')
            order by created_at desc, orders.order_id desc""",
            (book_id, bot_id),
        ).fetchall()


def fills(db: Readable, book_id: int, wanted: FillsWanted) -> Sequence[Mapping[str, Any]]:
    """Fills of a book, newest entry first, without those that were reversed."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select fills.*, fill_id::text, order_id::text,
                coalesce(restated.realized_pnl, fills.realized_pnl) as realized_pnl
            from ledger.fills left join ledger.restated using (book_id, entry_no)
            where book_id = %(book)s
                and not exists (select from ledger.reversals
                    where reversals.book_id = fills.book_id and reversals.reversed_no = fills.entry_no)
                and bot_id = coalesce(%(bot_id)s, bot_id)
                and (%(since)s::timestamptz is null or executed_at >= %(since)s)
                and (%(until)s::timestamptz is null or executed_at < %(until)s)
                and (%(before)s::bigint is null or entry_no < %(before)s)
            order by entry_no desc limit %(limit)s""",
            {"book": book_id, **wanted._asdict()},
        ).fetchall()


def head(db: Readable, book_id: int) -> Head:
    """The last entry of a book."""
    with db.connect() as connection:
        row = connection.execute(
            "select head_no, head_hash from ledger.books where book_id = %s", (book_id,)
        ).fetchone()
        return Head._make(row) if row else Head()


def entries(db: Readable, book_id: int, before: int | None, limit: int) -> list[Entry]:
    """The newest entries below the entry `before`, newest first."""
    with db.connect() as connection:
        rows = connection.execute(
            """select entry_no, body::text, prev_hash, hash from ledger.entries
            where book_id = %(book)s and (%(before)s::bigint is null or entry_no < %(before)s)
            order by entry_no desc limit %(limit)s""",
            {"book": book_id, "before": before, "limit": limit},
        )
        return [StoredEntry._make(row).entry for row in rows]


def all_entries(db: Readable, book_id: int) -> Iterator[Entry]:
    """Every entry of a book, in order, streamed."""
    with db.connect() as connection, connection.cursor("entries") as cursor:
        cursor.itersize = _ENTRIES_AT_ONCE
        cursor.execute(
            "select entry_no, body::text, prev_hash, hash from ledger.entries where book_id = %s order by entry_no",
            (book_id,),
        )
        for row in cursor:
            yield StoredEntry._make(row).entry


def stored_entries(db: Readable, book_id: int) -> Iterator[StoredEntry]:
    """Every entry of a book as it is stored, in order, streamed by COPY, which is faster than a cursor. Of a snapshot
    nothing else can be read until the last entry was."""
    with (
        db.connect() as connection,
        connection.cursor() as cursor,
        cursor.copy(
            """copy (select entry_no, body::text, prev_hash, hash from ledger.entries where book_id = %s
            order by entry_no) to stdout (format binary)""",
            (book_id,),
        ) as rows,
    ):
        rows.set_types(("int8", "text", "text", "text"))
        yield from map(StoredEntry._make, rows.rows())


def entry(connection: psycopg.Connection, book_id: int, number: int) -> Entry | None:
    """An entry of a book by its number."""
    row = connection.execute(
        "select entry_no, body::text, prev_hash, hash from ledger.entries where (book_id, entry_no) = (%s, %s)",
        (book_id, number),
    ).fetchone()
    return StoredEntry._make(row).entry if row else None


def entries_of(db: Readable, book_id: int, numbers: Sequence[int]) -> list[Entry]:
    """The entries of a book with these numbers, in order."""
    with db.connect() as connection:
        rows = connection.execute(
            """select entry_no, body::text, prev_hash, hash from ledger.entries
            where book_id = %s and entry_no = any(%s) order by entry_no""",
            (book_id, list(numbers)),
        )
        return [StoredEntry._make(row).entry for row in rows]


def moves_money(connection: psycopg.Connection, book_id: int, number: int) -> bool:
    """Whether an entry moves money and takes no other one back."""
    return one_value(
        connection.execute(
            """select exists (select from ledger.postings where (book_id, entry_no) = (%(book)s, %(number)s))
                and not exists (select from ledger.reversals where (book_id, entry_no) = (%(book)s, %(number)s))""",
            {"book": book_id, "number": number},
        )
    )


def is_reversed(connection: psycopg.Connection, book_id: int, number: int) -> bool:
    """Whether an entry was taken back."""
    return one_value(
        connection.execute(
            "select exists (select from ledger.reversals where (book_id, reversed_no) = (%s, %s))", (book_id, number)
        )
    )


def days(db: Readable, book_id: int) -> list[BookDay]:
    """The days of a book in which something happened, oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            """select day, trades, fees, volume, realized, flows, equity, units from ledger.days
            where book_id = %s order by day""",
            (book_id,),
        )
        return [BookDay._make(row) for row in cursor]


def balances(db: Readable, book_id: int) -> list[tuple[str, Decimal, Decimal]]:
    """Of each currency what a book holds of it, and the fees that it paid in it."""
    with db.connect() as connection:
        rows = connection.execute(
            "select currency, amount, fees from ledger.balances where book_id = %s order by currency", (book_id,)
        )
        return [(currency, amount, fees) for currency, amount, fees in rows]


def trip(db: Readable, book_id: int, bot_id: str) -> Mapping[str, Any] | None:
    """The trip that the user (empty) or a bot has not been reset from."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select trips.* from ledger.trips join ledger.breakers using (book_id, bot_id, trip_no)
            where book_id = %s and bot_id = %s""",
            (book_id, bot_id),
        ).fetchone()


def standing_trips(db: Readable, book_id: int) -> dict[str, Mapping[str, Any]]:
    """The user (empty) and each bot of a book that is tripped → the trip that it has not been reset from."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            """select trips.* from ledger.trips join ledger.breakers using (book_id, bot_id, trip_no)
            where book_id = %s order by bot_id""",
            (book_id,),
        ).fetchall()
    return {row["bot_id"]: row for row in rows}


def trips(db: Readable, book_id: int, bot_id: str | None, limit: int) -> Sequence[Mapping[str, Any]]:
    """The trips of the user and of his bots, or of one bot, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select * from ledger.trips where book_id = %s and bot_id = coalesce(%s, bot_id)
            order by trip_no desc limit %s""",
            (book_id, bot_id, limit),
        ).fetchall()


def bot_exists(db: Readable, book_id: int, bot_id: str) -> bool:
    """Whether a bot was ever named in the book."""
    with db.connect() as connection:
        return one_value(
            connection.execute(
                "select exists (select from ledger.bots where book_id = %s and bot_id = %s)", (book_id, bot_id)
            )
        )


def burst(db: Readable, book_id: int, since: datetime, now: datetime) -> dict[str, int]:
    """Exchange → the orders that were approved for it in (since, now]."""
    with db.connect() as connection:
        rows = connection.execute(
            """select exchange, count(*) from ledger.orders
            where book_id = %s and approved_at > %s and approved_at <= %s group by exchange order by exchange""",
            (book_id, since, now),
        )
        return dict(rows.fetchall())
