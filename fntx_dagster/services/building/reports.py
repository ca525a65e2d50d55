"""The reports of a run's sessions: the narrative of each as Markdown, and the whole range as one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from fntx_dagster.errors import without_accounts
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.report.html import AccountReport, to_html
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.services.reporting import account_report, masked_words, stories_of, write_whole
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.raw_flex.overview import accounts


class Narrative(NamedTuple):
    """The report of one account's day as Markdown; `label` is the masked account."""

    day: date
    label: str
    markdown: str


class Reports(NamedTuple):
    """The narratives of a range, by account and day, and the HTML file that holds them all (None: there are none)."""

    narratives: list[Narrative]
    file: Path | None


def write_reports(settings: Settings, db: Database, period: Period) -> Reports:
    """Narrate every account's days of a range in the time zone of the settings, and write them as one HTML file into
    the home. Raises Permanent where the settings name an unknown time zone."""
    observer = clock.zone(settings.report.time_zone)
    narratives: list[Narrative] = []
    reports: list[AccountReport] = []
    with db.snapshot() as snapshot:
        labels = account_labels(snapshot)
        for account in accounts(snapshot):
            label, stories = labels[account], stories_of(snapshot, account, period, observer, masked=True)
            for story in stories:
                text = without_accounts(to_markdown([story], account_label=label))
                narratives.append(Narrative(story.day.trading_day, label, text))
            if stories:
                reports.append(account_report(snapshot, label, stories))
    return Reports(narratives, _write(settings.paths.reports, period, reports) if reports else None)


def _write(folder: Path, period: Period, reports: Sequence[AccountReport]) -> Path:
    """The file. Only its owner can read it, and it holds no whole account id, like everything that the UI shows."""
    first, last = period
    file = folder / (f"{first}.html" if first == last else f"{first}_{last}.html")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(file, to_html(reports, masked_words), private=True)
    return file
