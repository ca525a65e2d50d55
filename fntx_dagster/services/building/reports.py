"""The reports of a run's sessions: the narrative of each as Markdown, and the whole range as one HTML file, which is
written again when the proofs in it have changed."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.report import clock
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.narrative import Story
from fntx_dagster.services.accounts import numbered_accounts
from fntx_dagster.services.reporting import account_report, masked_words, stories_of, write_whole
from fntx_dagster.settings import Settings
from fntx_dagster.store import report_files
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.raw_flex.overview import accounts

MOST_DAYS = 366
"""Of the calendar: so much of the files in the home is written again at most. It takes a few seconds; ten years would
take as long as the run needed for them in the first place."""


class Narrative(NamedTuple):
    """The report of one account's day as Markdown; `label` is the masked account, `page` where the dashboard shows the
    day."""

    day: date
    label: str
    markdown: str
    page: str


class Reports(NamedTuple):
    """The narratives of a range, by account and day, the HTML file that holds them all (None: there are none,
    or they are of a part of the accounts), and the
    sentences at its head about what is missing behind the figures, each with its account's label."""

    narratives: list[Narrative]
    file: Path | None
    notes: list[str]


def write_reports(settings: Settings, db: Database, period: Period, only: Accounts = None) -> Reports:
    """Narrate every account's days of a range in the time zone of the settings, and write them as one HTML file into
    the home. Raises Permanent where the settings name an unknown time zone."""
    observer = clock.zone(settings.report.time_zone)
    with db.snapshot() as snapshot:
        stories = _stories(snapshot, period, observer, only)
        reports = [account_report(settings, snapshot, label, own) for label, own in stories.items()]
        pages = {each.label: f"{settings.web.address}/a/{each.number}/day" for each in numbered_accounts(snapshot)}
    narratives = [
        Narrative(
            story.day.trading_day,
            label,
            without_accounts(to_markdown([story], account_label=label)),
            f"{pages[label]}/{story.day.trading_day}",
        )
        for label, own in stories.items()
        for story in own
    ]
    notes = [f"{own.label}: {masked_words(note)}" for own in reports for note in own.notes]
    # runs for parts of the accounts have one range and would replace each other's file
    file = _write(settings, db, period, reports) if reports and only is None else None
    return Reports(narratives, file, notes)


def report_page(db: Readable, name: str) -> bytes | None:
    """The report of that file name as a run on any machine wrote it; None where none did."""
    period = _range_of(name)
    return None if period is None else report_files.kept(db, period)


def rewrite_reports(settings: Settings, db: Database, days: Collection[date]) -> str | None:
    """Write the HTML reports again, of this home and of the database, that show one of `days`, because the proofs of
    these days have changed: the newest first, up to MOST_DAYS. Returns which reports stay as they were and why, in a
    sentence; None where none does. A report that cannot be written is no error: what changed is in the tables."""
    to_write, left = [], []
    try:
        to_write, left = _files_showing(settings.paths.reports, report_files.ranges(db), days)
        observer = clock.zone(settings.report.time_zone)
        for period in list(to_write):
            with db.snapshot() as snapshot:
                stories = _stories(snapshot, period, observer)
                reports = [account_report(settings, snapshot, label, own) for label, own in stories.items()]
            if reports:
                _write(settings, db, period, reports)
            to_write.remove(period)
    except (FntxError, OSError) as error:
        named = _named(to_write + left) if to_write or left else "The reports"
        return f"{named} cannot be written again, with the new proofs: {error}"
    return f"{_named(left)} would take long to write again, with the new proofs: `fntx report` does" if left else None


def _stories(db: Readable, period: Period, observer: ZoneInfo, only: Accounts = None) -> dict[str, list[Story]]:
    """Label → the stories of the account's days of a range, without the broker's own words; none is empty."""
    labels = account_labels(db)
    stories = {
        labels[one]: stories_of(db, one, period, observer, masked=True) for one in accounts(db) if is_among(one, only)
    }
    return {label: own for label, own in stories.items() if own}


def _files_showing(
    folder: Path, of_database: Collection[Period], days: Collection[date]
) -> tuple[list[Period], list[Period]]:
    """The ranges of the reports in the home and in the database that show one of these days, the newest first: those of
    MOST_DAYS, and the rest."""
    of_home = (_range_of(file.name) for file in folder.glob("*.html"))
    ranges = {period for period in of_home if period} | {*of_database}
    to_write, left, number = [], [], 0
    for period in sorted(ranges, key=lambda period: (period.last, period.first), reverse=True):
        if any(day in period for day in days):
            number += (period.last - period.first).days + 1
            (to_write if number <= MOST_DAYS else left).append(period)
    return to_write, left


def _range_of(name: str) -> Period | None:
    """The range of the report of that file name; None for other names."""
    found = _NAME.fullmatch(name)
    try:
        return found and Period(*map(date.fromisoformat, (found[1], found[2] or found[1])))
    except ValueError:
        return None


_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?:_(\d{4}-\d\d-\d\d))?\.html")


def _named(files: Sequence[Period]) -> str:
    """The first of the files, and how many more there are."""
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return f"The report of {files[0]}{more}"


def _write(settings: Settings, db: Database, period: Period, reports: Sequence[AccountReport]) -> Path:
    """The file, which the database keeps too: other machines have another home. Only its owner can read it, and it
    holds no whole account id, like everything that the UI shows."""
    folder, (first, last) = settings.paths.reports, period
    content = to_html(reports, masked_words)
    report_files.keep(db, period, content.encode())
    file = folder / (f"{first}.html" if first == last else f"{first}_{last}.html")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, content, private=True)
    return file
