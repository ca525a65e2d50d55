"""The current day as IB Gateway has it, narrated, with what a person has to know of gateways and margin."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.report import clock
from fntx_dagster.services.alerting import record
from fntx_dagster.services.benchmark_bars import update_when_due
from fntx_dagster.services.current_day import CurrentDay, CurrentReport, current_report
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
    """Ask every gateway of the settings and narrate what is known; then ask for the benchmark's bars that are due. An
    account whose gateway does not answer keeps what was known last, with its time. Raises Permanent where the
    settings name an unknown time zone."""
    observer = clock.zone(settings.report.time_zone)
    if not settings.gateway.addresses:
        return CurrentReports({}, {}, [], [], None)
    labels = account_labels(db, settings.gateway.addresses)
    report = current_report(settings, db, observer, labels=labels, keeps_last=True)
    update_when_due(settings, db, datetime.now(UTC))
    days = [now.day for now in report.accounts if now.day]
    return CurrentReports(
        {labels[account]: without_accounts(text) for account, text in report.narratives.items()},
        {labels[day.account_id]: float(day.closing_nav_official) for day in days},
        [_silent(labels[now.account_id], now.error) for now in report.accounts if now.error],
        list(_tight(settings, report.accounts, labels)),
        _with_margin(report.accounts, labels),
    )


def settle_gateways(settings: Settings, db: Database, report: CurrentReport) -> None:
    """Resolve the alerts about the gateways that answered in a report, and about the margins that are ample in it. What
    is wrong raises none: whoever asked for the report sees it there."""
    labels, least = account_labels(db, settings.gateway.addresses), settings.risk.margin_cushion
    answered = [labels[now.account_id] for now in report.accounts if not now.error]
    ample = [labels[now.account_id] for now in report.accounts if now.cushion is not None and now.cushion >= least]
    record(
        db,
        [
            Observed("gateway", "current_day/gateway_answers", [], looked=answered),
            Observed("margin", "current_day/margin_is_ample", [], looked=ample),
        ],
    )


def _silent(label: str, error: FntxError) -> Finding:
    return Finding(label, f"{label}: {without_accounts(str(error))}")


def _tight(settings: Settings, accounts: list[CurrentDay], labels: Labels) -> Iterator[Finding]:
    least = settings.risk.margin_cushion
    for now in accounts:
        if now.cushion is not None and now.cushion < least:
            label = labels[now.account_id]
            yield Finding(label, f"{label}: {now.cushion:.1%} of the NAV is free of margin, less than {least:.0%}")


def _with_margin(accounts: list[CurrentDay], labels: Labels) -> list[str] | None:
    known = [labels[now.account_id] for now in accounts if now.cushion is not None]
    return known if len(known) < len(accounts) else None
