"""The books of the ledger that a visitor sees, and what addresses and pages call them.

A book is called by its user; that of a broker's account by the account's label, which tells nothing of its id.
"""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.services.orders.access import ADMIN, READER, SIGNAL_SOURCE, TRADER, Caller
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, SOURCE, Visitor
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import book_list
from fntx_dagster.store.ledger.checking import BookRow

PAPER, LIVE = KINDS = ("paper", "live")
_AT_ONCE = 50


class SeenBook(NamedTuple):
    """A book, and what its user is called where it is shown."""

    name: str
    row: BookRow

    @property
    def kind(self) -> str:
        return PAPER if self.row.is_paper else LIVE


class BookPage(NamedTuple):
    """Books by their users; `after`: the name behind which the next page begins, None where there is none."""

    books: list[SeenBook]
    after: str | None


class BookNames:
    """What the users of books are called: a broker's account, whose id is the user of its book, by its label."""

    def __init__(self, db: Readable) -> None:
        self._labels = account_labels(db)

    def shown(self, user_id: str) -> str:
        """The name of a user."""
        return self._labels.get(user_id, user_id)

    def user_of(self, name: str) -> str | None:
        """The user of a name, whether or not he has a book; None for an account's id, which is no name."""
        if name in self._labels:
            return None
        return next((user for user, label in self._labels.items() if label == name), name)


def caller_of(visitor: Visitor) -> Caller:
    """Whom the services of orders and signals take a visitor for."""
    roles = {OWNER: ADMIN, AUDITOR: READER, SOURCE: SIGNAL_SOURCE}
    return Caller(visitor.user_id, roles.get(visitor.role, TRADER))


def seen_user(visitor: Visitor) -> str | None:
    """The one user whose books a visitor sees; None: those of all."""
    return None if visitor.sees_every_book else visitor.user_id


def seen_books(db: Readable, visitor: Visitor, after: str | None = None, limit: int = _AT_ONCE) -> BookPage:
    """The books that a visitor sees, by user, those behind the user called `after`."""
    names = BookNames(db)
    rows = book_list.listed(db, seen_user(visitor), (after and names.user_of(after)) or "", limit + 1)
    more = len(rows) > limit
    if more:  # a user's two books stay on one page
        last = rows.pop().user_id
        rows = [row for row in rows if row.user_id != last] or rows
    books = [SeenBook(names.shown(row.user_id), row) for row in rows]
    return BookPage(books, books[-1].name if more else None)


def seen_book(db: Readable, visitor: Visitor, name: str, kind: str) -> SeenBook | None:
    """The book that an address names; None where there is none, or none that the visitor sees."""
    user_id = BookNames(db).user_of(name) if kind in KINDS else None
    if user_id is None or seen_user(visitor) not in (None, user_id):
        return None
    row = book_list.of_user(db, user_id, kind == PAPER)
    return SeenBook(name, row) if row else None
