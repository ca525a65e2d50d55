"""Several days of one account: their sum in words, the tables of months, and what can be taken away of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.model.day import Day
from fntx_dagster.model.period import Period
from fntx_dagster.report.narrative import Story
from fntx_dagster.report.period import PeriodSummary, narrate_periods
from fntx_dagster.report.spreadsheet import csv_head, csv_lines
from fntx_dagster.services.data_tables import data_table
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.reporting import report, stories_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts.status import last_days_of

LONGEST = timedelta(days=366)
"""The longest range that a page shows or that is handed out at once."""
FORMS = ("md", "json", "html")
_FREE_TEXT = "description"
_PIECE = 2000


class PeriodShown(NamedTuple):
    """`stories` are the built days in order; `summary` is their sum, None of a single day."""

    stories: Sequence[Story]
    days: Sequence[Day]
    summary: PeriodSummary | None


def usual_month(db: Database, account: str) -> Period | None:
    """The month so far of the newest built session; None before the first run."""
    last = last_days_of(db, account).built
    return Period(last.replace(day=1), last) if last else None


def require_short(period: Period) -> None:
    """Raise Permanent where a range is backwards or longer than LONGEST."""
    refuse_backwards(period)
    if period.last - period.first >= LONGEST:
        raise Permanent(
            f"the range {period} is longer than {LONGEST.days} days",
            "Give a shorter one, or take a longer one with `fntx report`, `fntx table` and `fntx strategies`",
        )


def period_of(
    db: Database, account: str, period: Period, observer: ZoneInfo, *, masked: bool = False
) -> PeriodShown | None:
    """Read the official days of a range from one snapshot; None where none is built. Without the broker's own words
    where `masked`. Raises Permanent as `require_short` does."""
    require_short(period)
    with db.snapshot() as snapshot:
        stories = stories_of(snapshot, account, period, observer, masked=masked)
    if not stories:
        return None
    days = [story.day for story in stories if isinstance(story.day, Day)]
    return PeriodShown(stories, days, next(iter(narrate_periods(stories)), None))


def period_report(
    settings: Settings,
    db: Database,
    account: str,
    period: Period,
    observer: ZoneInfo,
    form: Literal["md", "json", "html"],
    *,
    masked: bool = False,
) -> str:
    """The report of a range as a file. Raises Permanent as `require_short` and `reporting.report` do."""
    require_short(period)
    return report(settings, db, period, observer, account, form, masked=masked)


def period_table(db: Database, account: str, period: Period, name: str, *, masked: bool = False) -> Iterator[str]:
    """A table of a range as CSV, piece by piece: its names first. With `masked` without account ids and without what
    the broker writes freely. Raises Permanent as `require_short` does, and where there is no such table."""
    require_short(period)
    table = data_table(db, name, period, account)
    hidden = list(table.columns).index(_FREE_TEXT) if masked and _FREE_TEXT in table.columns else None

    def pieces() -> Iterator[str]:
        yield csv_head(table.columns)
        for start in range(0, len(table.rows), _PIECE):
            rows = table.rows[start : start + _PIECE]
            if hidden is not None:
                rows = [[None if place == hidden else value for place, value in enumerate(row)] for row in rows]
            text = csv_lines(table.columns, rows)
            yield without_accounts(text) if masked else text

    return pieces()
