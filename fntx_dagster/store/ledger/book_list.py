"""Books as they are listed and found by their users, and the parts of one that a page shows: each list is bounded."""

from __future__ import annotations

from datetime import date
from typing import Any

from psycopg.rows import args_row

from fntx_dagster.ledger.entries import Head
from fntx_dagster.ledger.exact import exact
from fntx_dagster.ledger.positions import Key, OpenLot
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger.checking import BookRow
from fntx_dagster.store.ledger.reading import BookDay
from fntx_dagster.store.queries import columns

_ROW = "book_id, user_id, is_paper, currency, head_no, head_hash"


def listed(db: Readable, user_id: str | None, after: str, limit: int) -> list[BookRow]:
    """The books of a user, or of all, by user, those behind a user, so many at most."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {_ROW} from ledger.books
            where user_id = coalesce(%s, user_id) and user_id > %s order by user_id, is_paper limit %s""",
            (user_id, after, limit),
        ).fetchall()
    return [_row(row) for row in rows]


def of_user(db: Readable, user_id: str, is_paper: bool) -> BookRow | None:
    """A user's book; None where he has none."""
    with db.connect() as connection:
        row = connection.execute(
            f"select {_ROW} from ledger.books where (user_id, is_paper) = (%s, %s)", (user_id, is_paper)
        ).fetchone()
    return _row(row) if row else None


def newest_days(db: Readable, book_id: int, limit: int) -> list[BookDay]:
    """The days of a book in which something happened, newest first, so many at most."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(BookDay)) as cursor:
        return cursor.execute(
            f"select {columns(BookDay._fields)} from ledger.days where book_id = %s order by day desc limit %s",
            (book_id, limit),
        ).fetchall()


def oldest_lots(db: Readable, book_id: int, limit: int) -> list[tuple[Key, OpenLot]]:
    """The open lots of a book, by position and oldest first, so many at most."""
    with db.connect() as connection:
        rows = connection.execute(
            """select bot_id, exchange, symbol, entry_no, quantity, price from ledger.lots
            where book_id = %s order by bot_id, exchange, symbol, coalesce(place, entry_no) limit %s""",
            (book_id, limit),
        ).fetchall()
    return [(Key(*key), OpenLot(number, exact(quantity), exact(price))) for *key, number, quantity, price in rows]


def bots_of(db: Readable, book_id: int, limit: int) -> list[str]:
    """The bots of a book, by name, so many at most."""
    with db.connect() as connection:
        rows = connection.execute(
            "select bot_id from ledger.bots where book_id = %s order by bot_id limit %s", (book_id, limit)
        )
        return [bot for (bot,) in rows.fetchall()]


def approved_on(db: Readable, book_id: int, day: date) -> dict[str, int]:
    """Bot → how many of its orders the gates approved on a trading day."""
    with db.connect() as connection:
        rows = connection.execute(
            "select bot_id, used from ledger.approvals where book_id = %s and day = %s", (book_id, day)
        )
        return dict(rows.fetchall())


def _row(row: tuple[Any, ...]) -> BookRow:
    book_id, user_id, is_paper, currency, number, digest = row
    return BookRow(book_id, user_id, is_paper, currency, Head(number, digest))
