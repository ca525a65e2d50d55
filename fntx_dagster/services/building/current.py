"""The current day as IB Gateway has it, narrated, with what a person has to know of gateways and margin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from fntx_dagster.accounting.calendar import session_at
from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model.day import ProvisionalDay
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock
from fntx_dagster.report.markdown import to_markdown
from fntx_dagster.report.story import narrate
from fntx_dagster.services.current_day import Asked, provisional_days, refresh
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import Labels, account_labels


class CurrentReports(NamedTuple):
    """The current day of every account whose gateway answered. `reports` and `navs` (base currency) are by masked
    account; `silent` are gateways without an answer, `tight` accounts with little room for margin; `with_margin` are
    the accounts whose margin is known (None: it is known of all)."""

    reports: dict[str, str]
    navs: dict[str, float]
    silent: list[Finding]
    tight: list[Finding]
    with_margin: list[str] | None


def refresh_current_day(settings: Settings, db: Database) -> CurrentReports:
    """Ask every gateway of the settings and narrate what is known. An account whose gateway does not answer keeps what
    was known last, with its time. Raises Permanent where the settings name an unknown time zone."""
    observer = clock.zone(settings.report.time_zone)
    asked = refresh(settings, db) if settings.gateway.addresses else []
    sessions = [session_at(answer.snapshot.as_of).day for answer in asked if answer.snapshot]
    days = list(_days(settings, db, asked, Period(min(sessions), max(sessions)))) if sessions else []
    labels = account_labels(db, settings.gateway.addresses)
    return CurrentReports(
        {
            labels[day.account_id]: without_accounts(
                to_markdown([narrate(day, observer)], account_label=labels[day.account_id])
            )
            for day in days
        },
        {labels[day.account_id]: float(day.closing_nav_official) for day in days},
        [_silent(labels[answer.account_id], answer.error) for answer in asked if answer.error],
        list(_tight(settings, asked, labels)),
        _with_margin(asked, labels),
    )


def _days(settings: Settings, db: Database, asked: list[Asked], period: Period) -> Iterator[ProvisionalDay]:
    """Account by account, so that an account that cannot be built keeps no other back; `refresh` has reported why."""
    for answer in asked:
        with suppress(FntxError):
            yield from provisional_days(settings, db, period, answer.account_id)


def _silent(label: str, error: FntxError) -> Finding:
    return Finding(label, f"{label}: {without_accounts(str(error))}")


def _tight(settings: Settings, asked: list[Asked], labels: Labels) -> Iterator[Finding]:
    least = settings.risk.margin_cushion
    for answer in asked:
        cushion = answer.snapshot.cushion if answer.snapshot else None
        if cushion is not None and cushion < least:
            label = labels[answer.account_id]
            yield Finding(label, f"{label}: {cushion:.1%} of the NAV is free of margin, less than {least:.0%}")


def _with_margin(asked: list[Asked], labels: Labels) -> list[str] | None:
    known = [labels[answer.account_id] for answer in asked if answer.snapshot and answer.snapshot.cushion is not None]
    return known if len(known) < len(asked) else None
