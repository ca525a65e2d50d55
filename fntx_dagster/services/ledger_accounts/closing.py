"""Closing days: the statements of a book's days, written from the ledger and loaded as a broker's are.

A day is final once it is over. Whoever closes days closes all from the first movement on: a day whose statement is the
same as before costs nothing, and one into which an entry came late is loaded anew. What it changed in a signed day is a
drift, as after a correction of a broker's.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.ledger.days import day_of
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS
from fntx_dagster.services.ledger_accounts.accounts import LedgerAccount, ledger_accounts
from fntx_dagster.services.ledger_accounts.statements import LedgerStatement, last_over, refuse_unfinished, statements
from fntx_dagster.services.loading import FileLoad, load
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import set_calendar
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import checking
from fntx_dagster.store.raw_flex.statements import Counts


class ClosedDays(NamedTuple):
    """What closing did for an account: its days from the first movement on (None: nothing ever moved), the rows that
    changed, and why the last days could not be closed."""

    account_id: str
    book_id: int
    period: Period | None
    rows: Counts = Counts()
    refused: Permanent | None = None


def close_days(
    settings: Settings, db: Database, last: date | None = None, user_id: str | None = None
) -> list[ClosedDays]:
    """Write and load the statements of a user's books, or of all, for their days up to `last` (the last one that is
    over).

    A day that has no price for a position or no rate for a currency ends its book's days and holds no other book up.
    Raises Permanent for a day that is not over, and for a user without a book.
    """
    over = last_over(datetime.now(UTC))
    refuse_unfinished(last or over)
    return [_close(settings, db, account, last or over) for account in ledger_accounts(db, user_id)]


class LoadedDays(NamedTuple):
    """What closing the days of all books did: how many accounts have days, rows by what became of them, and the books
    whose last days could not be closed."""

    accounts: int
    rows: dict[str, int]
    refused: list[Finding]


def load_closed_days(settings: Settings, db: Database, last: date) -> LoadedDays:
    """As `close_days` for all books, in numbers and findings."""
    closed = close_days(settings, db, last)
    labels = account_labels(db)
    rows = sum((each.rows for each in closed), Counts())
    refused = [
        Finding(
            labels[each.account_id],
            f"book {each.book_id} ({labels[each.account_id]}): {without_accounts(str(each.refused))}",
        )
        for each in closed
        if each.refused
    ]
    return LoadedDays(sum(each.period is not None for each in closed), rows._asdict(), refused)


def _close(settings: Settings, db: Database, account: LedgerAccount, last: date) -> ClosedDays:
    began = checking.first_movement(db, account.book.book_id)
    if began is None or day_of(began) > last:
        return ClosedDays(account.account_id, account.book.book_id, None)
    set_calendar(db, account.account_id, SEVEN_DAYS)
    refused: Permanent | None = None
    with tempfile.TemporaryDirectory(prefix="fntx-ledger-") as folder:
        written: list[LedgerStatement] = []
        paths: list[Path] = []
        with db.snapshot() as snapshot:
            try:
                for each in statements(snapshot, account, Period(day_of(began), last)):
                    path = Path(folder) / f"ledger-{account.book.book_id}-{each.day}.xml"
                    path.write_text(each.document, encoding="utf-8")
                    written.append(each)
                    paths.append(path)
            except Permanent as error:
                refused = error
        loads = list(load(settings, db, paths))
    failed = next((entry for entry in loads if entry.error), None)
    if failed is not None:
        raise Permanent(f"{failed.file_name}: {failed.error}", "Report it: this is a fault of the program")
    period = Period(written[0].day, written[-1].day) if written else None
    return ClosedDays(account.account_id, account.book.book_id, period, _rows(loads), refused)


def _rows(loads: list[FileLoad]) -> Counts:
    return sum((entry.total for entry in loads), Counts())
