"""Which books of the ledger are accounts, and which book belongs to an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.entries import Head
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import books, checking
from fntx_dagster.store.ledger.checking import BookRow

PREFIX = "LEDGER-"
_KINDS = {True: "paper", False: "live"}


class LedgerAccount(NamedTuple):
    """A book as an account: `LEDGER-USER-paper` or `LEDGER-USER-live`."""

    account_id: str
    book: BookRow


def account_id_of(user_id: str, is_paper: bool) -> str:
    """The account id of a user's book."""
    return f"{PREFIX}{user_id}-{_KINDS[is_paper]}"


def ledger_accounts(db: Readable, user_id: str | None = None) -> list[LedgerAccount]:
    """The books of a user, or all, as accounts, by user; the book of a broker's account is that account's, and none of
    its own. Raises Permanent where the user has none."""
    of_brokers = checking.broker_books(db).values()
    found = [
        LedgerAccount(account_id_of(book.user_id, book.is_paper), book)
        for book in checking.listed(db, user_id)
        if book.book_id not in of_brokers
    ]
    if user_id is not None and not found:
        raise Permanent(f"{user_id} has no book", "`fntx ledger status` lists the books")
    return found


def book_of_account(db: Readable, account_id: str) -> int | None:
    """The number of an account's book, a broker's account (`fntx ledger project`) or a book's own; None where it has
    none."""
    if not account_id.startswith(PREFIX):
        return books.book_of_broker(db, account_id)
    user_id, _, kind = account_id.removeprefix(PREFIX).rpartition("-")
    if kind not in _KINDS.values():
        return None
    return books.book_of(db, user_id, kind == _KINDS[True])


def heads(db: Readable, account_id: str, closes: Sequence[datetime]) -> list[Head | None]:
    """The head of an account's book at each of these closes, which ascend: the last entry, by number, that had taken
    effect by then, whenever it was recorded; None where the account has no book, or it had no entry yet."""
    book_id = book_of_account(db, account_id)
    if book_id is None or not closes:
        return [None] * len(closes)
    return [head if head.entry_no else None for head in checking.heads_at(db, book_id, closes)]
