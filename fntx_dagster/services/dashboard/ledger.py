"""The books of the ledger: what each is worth, what it holds, its entries with their chain, its days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.exact import written
from fntx_dagster.services.accounts import NumberedAccount, numbered_accounts
from fntx_dagster.services.dashboard.books import SeenBook, seen_books
from fntx_dagster.services.ledger_accounts.accounts import account_id_of
from fntx_dagster.services.orders import overview, portfolio
from fntx_dagster.services.orders.overview import BookState
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import book_list, books, checking, reading
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.reading import BookDay
from fntx_dagster.store.marts.status import last_days_of

_ENTRIES, _DAYS, _LOTS = 25, 30, 200


class BookStates(NamedTuple):
    """Books by their users, each with its state now; `after`: the name behind which the next page begins."""

    books: list[tuple[SeenBook, BookState]]
    after: str | None


class DaysOfBook(NamedTuple):
    """The account that has the days of a book, and its last closed and its last signed day; None where there is none.
    `is_brokers`: its statements are a broker's, and not written from the book."""

    account: NumberedAccount
    is_brokers: bool
    last_closed: date | None
    last_signed: date | None


class LotShown(NamedTuple):
    """An open lot: what is left of what an entry bought, or sold short. `price` in the quote currency."""

    symbol: str
    exchange: str
    bot_id: str
    entry_no: int
    quantity: str
    price: str


class BookShown(NamedTuple):
    """A book at the prices of now. `summary`: as the API answers it; `balances`: currency, amount, fees paid; of the
    lots the first 200; `entries` newest first, `before`: behind which number older ones are; the newest 30 `days`."""

    state: BookState
    summary: dict[str, Any]
    balances: list[tuple[str, Decimal, Decimal]]
    lots: list[LotShown]
    entries: list[Entry]
    before: int | None
    days: list[BookDay]
    account_days: DaysOfBook | None


def books_of(desk: Desk, visitor: Visitor, after: str | None) -> BookStates:
    """The books that a visitor sees, so many as a page holds."""
    with desk.db.snapshot() as db:
        page = seen_books(db, visitor, after)
        states = overview.states_of(desk, db, [book.row for book in page.books])
        return BookStates(list(zip(page.books, states, strict=True)), page.after)


def book_of(desk: Desk, visitor: Visitor, book: SeenBook, before: int | None) -> BookShown:
    """One book that the visitor sees, with its entries below the number `before`."""
    now, book_id = desk.clock(), book.row.book_id
    with desk.db.snapshot() as db:
        [state] = overview.states_of(desk, db, [book.row])
        with db.connect() as connection:
            stored = books.read(connection, book_id, About(now)).book
        stored.observe(desk.day(now))
        entries = reading.entries(db, book_id, before, _ENTRIES)
        last = entries[-1]["entry_no"] if entries else 1
        return BookShown(
            state,
            portfolio.summary_of(desk, stored, book.row.is_paper, now, []),
            reading.balances(db, book_id),
            [
                LotShown(key.symbol, key.exchange, key.bot_id, lot.entry_no, written(lot.quantity), written(lot.price))
                for key, lot in book_list.oldest_lots(db, book_id, _LOTS)
            ],
            entries,
            last if last > 1 else None,
            book_list.newest_days(db, book_id, _DAYS),
            _account_days(db, visitor, book),
        )


def _account_days(db: Readable, visitor: Visitor, book: SeenBook) -> DaysOfBook | None:
    """A broker's book has the days of the broker's account, any other book those of its own account; None where the
    visitor may not see that account, or where it has no statement."""
    own = account_id_of(book.row.user_id, book.row.is_paper)
    broker = next((each for each, number in checking.broker_books(db).items() if number == book.row.book_id), own)
    for account in numbered_accounts(db):
        if account.account_id == broker and visitor.may_see(broker):
            return DaysOfBook(account, broker != own, *last_days_of(db, broker))
    return None
