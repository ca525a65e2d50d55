"""The statements of a book's days, written from the ledger as it is. A day is final once it is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.days import day_of, days_of, ends_at
from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.market import Prices
from fntx_dagster.model.period import Period
from fntx_dagster.services.ledger_accounts.accounts import LedgerAccount, account_id_of, ledger_accounts
from fntx_dagster.services.ledger_accounts.statement import DayPrices, statement
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import checking, day_prices, reading


class LedgerStatement(NamedTuple):
    """The statement of an account's day, as a Flex document."""

    account_id: str
    day: date
    document: str


def last_over(now: datetime) -> date:
    """The last day that is over at `now` (aware)."""
    return day_of(now) - timedelta(days=1) if now < ends_at(day_of(now)) else day_of(now)


def refuse_unfinished(day: date) -> None:
    """Raise Permanent for a day that is not over."""
    if day > (over := last_over(datetime.now(UTC))):
        raise Permanent(f"{day} is not over", f"Days end at 00:00 UTC; the last one that is over is {over}")


def statements(db: Readable, account: LedgerAccount, period: Period) -> Iterator[LedgerStatement]:
    """The statements of an account's days, in order, from the ledger as it is. Raises Permanent at the first day that
    has no price for a position or no rate for a currency."""
    book = account.book

    def entry_of(number: int) -> Entry:
        return checking.entry(db, book.book_id, number)

    first, last = period
    ends = day_prices.closing(db, book.book_id, first, last)
    _, before = next(ends)
    opening = Prices(book.currency, before.quotes)
    days = days_of(reading.all_entries(db, book.book_id), first, last, entry_of)
    for day, (_, known) in zip(days, ends, strict=True):
        closing = Prices(book.currency, known.quotes)
        text = statement(account.account_id, day, DayPrices(opening, closing, known.seen_at, known.sources), entry_of)
        yield LedgerStatement(account.account_id, day.day, text)
        opening = closing


def statement_of_day(db: Database, user_id: str, is_paper: bool, day: date) -> str:
    """The statement of one day of a user's book. Raises Permanent where he has no such book, the day is not over, or a
    position has no price."""
    refuse_unfinished(day)
    wanted = account_id_of(user_id, is_paper)
    with db.snapshot() as snapshot:
        for account in ledger_accounts(snapshot, user_id):
            if account.account_id == wanted:
                [made] = statements(snapshot, account, Period.on(day))
                return made.document
    raise Permanent(f"{user_id} has no such book", "`fntx ledger status` lists the books")
