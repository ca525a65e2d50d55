"""The account of a book as it is now: its figures, and the fills of the day that runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.services.dashboard.books import SeenBook, seen_book
from fntx_dagster.services.ledger_accounts.accounts import PREFIX, ledger_accounts
from fntx_dagster.services.orders import overview
from fntx_dagster.services.orders.overview import BookState
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.ledger import reading
from fntx_dagster.store.ledger.reading import FillsWanted

MOST_FILLS = 200


class BookToday(NamedTuple):
    """A book's account at `at`. `fills`: the newest 200 of `day`, newest first; `book`: None where the visitor sees the
    account and not its book."""

    day: date
    at: datetime
    state: BookState
    fills: Sequence[Mapping[str, Any]]
    book: SeenBook | None


def is_of_a_book(account: str) -> bool:
    """Whether an account is a book's own, which no gateway has."""
    return account.startswith(PREFIX)


def book_today(desk: Desk, visitor: Visitor, account: str) -> BookToday:
    """Read all of it from one snapshot. Raises Permanent where the account's user has no such book."""
    user, _, kind = account.removeprefix(PREFIX).rpartition("-")
    now = desk.clock()
    day = desk.day(now)
    since = datetime.combine(day, time.min, desk.zone)
    with desk.db.snapshot() as db:
        [row] = [each for each in ledger_accounts(db, user) if each.account_id == account] or [None]
        if row is None:
            raise Permanent("this account has no book")
        [state] = overview.states_of(desk, db, [row.book])
        fills = reading.fills(db, row.book.book_id, FillsWanted(None, since, None, None, MOST_FILLS))
    return BookToday(day, now, state, fills, seen_book(desk.db, visitor, user, kind))
