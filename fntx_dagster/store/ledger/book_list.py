"""Books as they are listed and found by their users; nothing of what is in them."""

from __future__ import annotations

from typing import Any

from fntx_dagster.ledger.entries import Head
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger.checking import BookRow

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


def _row(row: tuple[Any, ...]) -> BookRow:
    book_id, user_id, is_paper, currency, number, digest = row
    return BookRow(book_id, user_id, is_paper, currency, Head(number, digest))
