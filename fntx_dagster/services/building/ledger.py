"""The ledger's books for Dagster: balances, turnover and metrics as rows, and their verification. It reads.

Books are named by their numbers: no row, finding or text names a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from fntx_dagster.ledger.exact import written
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.alerting import record
from fntx_dagster.services.orders import alarms, portfolio
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import checking, reading
from fntx_dagster.store.ledger.checking import BookRow
from fntx_dagster.store.ledger.reading import BookDay

_RECENT_DAYS = 30
METRICS = (
    "currency",
    "equity",
    "net_pnl",
    "daily_pnl",
    "drawdown_current",
    "drawdown_max",
    "exposure_ratio",
    "win_rate",
    "profit_factor",
    "sharpe",
    "total_fills",
)
"""Of the summary that the API answers, what the asset of metrics shows."""


class LedgerRows(NamedTuple):
    """Rows of a table of the ledger: `number` in all, and those that are shown, as text."""

    number: int
    shown: list[tuple[str, ...]]


class CheckedBooks(NamedTuple):
    """What a verification found: how many books and entries it read, which chains or postings do not hold (`broken`),
    and which tables are not what a replay makes (`differing`)."""

    books: int
    entries: int
    broken: list[Finding]
    differing: list[Finding]


def ledger_balances(db: Database) -> LedgerRows:
    """What each book holds of each currency, and the fees it paid in it."""
    with db.snapshot() as snapshot:
        rows = [
            (book_name(book), currency, written(amount), written(fees))
            for book in checking.listed(snapshot)
            for currency, amount, fees in reading.balances(snapshot, book.book_id)
        ]
    return LedgerRows(len(rows), rows)


def ledger_turnover(db: Database) -> LedgerRows:
    """The days of each book in which something happened; the newest 30 of each are shown."""
    number, rows = 0, []
    with db.snapshot() as snapshot:
        for book in checking.listed(snapshot):
            days = reading.days(snapshot, book.book_id)
            number += len(days)
            rows += [(book_name(book), *_day(day)) for day in days[-_RECENT_DAYS:]]
    return LedgerRows(number, rows)


def ledger_metrics(settings: Settings, db: Database) -> LedgerRows:
    """What each book is worth, and how it came to it, at the prices of now: the columns are `METRICS`."""
    desk, rows = desk_of(settings, db), []
    for book in checking.listed(db):
        summary: Mapping[str, object] = portfolio.summary(desk, book.user_id, book.is_paper, desk.clock())
        rows.append((book_name(book), *("" if summary[name] is None else f"{summary[name]}" for name in METRICS)))
    return LedgerRows(len(rows), rows)


def check_books(settings: Settings, db: Database) -> CheckedBooks:
    """Verify every book; those that do not hold become alerts."""
    verified = alarms.verify_and_record(desk_of(settings, db))
    findings = {
        kind: [
            Finding(f"{alarms.book_name(book)} {number}", f"{alarms.book_name(book)}: {fault}")
            for book in verified
            for number, fault in enumerate(getattr(book, kind))
        ]
        for kind in ("broken", "differing")
    }
    return CheckedBooks(len(verified), sum(book.entries for book in verified), **findings)


def unknown_orders(db: Database) -> list[Finding]:
    """The orders of unknown outcome; each becomes an alert."""
    seen = alarms.unknown_orders(db, datetime.now(UTC))
    record(db, [seen])
    return seen.findings


def stale_prices(settings: Settings, db: Database) -> list[Finding]:
    """The prices that are too old to value the live books that hold their symbols; each becomes an alert."""
    desk = desk_of(settings, db)
    seen = alarms.stale_prices(desk, db, desk.clock())
    record(db, [seen])
    return seen.findings


def _day(day: BookDay) -> tuple[str, ...]:
    sums = (written(amount) for amount in (day.volume, day.fees, day.realized))
    return (f"{day.day}", f"{day.trades}", *sums, "" if day.equity is None else written(day.equity))


def book_name(book: BookRow) -> str:
    """A book without its user: `fntx ledger status` says whose it is."""
    return alarms.name_of_book(book.book_id, book.is_paper)
