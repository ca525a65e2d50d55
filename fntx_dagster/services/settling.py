"""Which open alerts are about something that is over, as far as the project's own tables say.

Whoever looks at alerts closes these: the command, the sensor, the run. What only the chain, the broker or a gateway can
say is closed by whoever asks them, and a failed run by a run of its job that succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from fntx_dagster.model.period import Period
from fntx_dagster.services.building.verification import completeness
from fntx_dagster.services.signatures import late_records
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS, WARNING_KINDS
from fntx_dagster.services.signatures.signed_days import changed_days
from fntx_dagster.services.watching import settings_findings
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.changes import changed_since
from fntx_dagster.store.alerts import Alert, resolve, unresolved
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.outbox.signatures import last_signed_sessions, posted_days
from fntx_dagster.store.raw_flex.coverage import missing

SETTINGS_SOURCE = "settings"
"""Of alerts about settings that do not fit together."""


def settle(settings: Settings, db: Database, now: datetime) -> None:
    """Resolve the open alerts whose condition is over at `now` (aware). Raises no alert, and contacts no network."""
    by_source: dict[str, list[Alert]] = {}
    for alert in unresolved(db):
        by_source.setdefault(alert.source, []).append(alert)
    for source, alerts in by_source.items():
        if look := _LOOKS.get(source):
            lasting = look(settings, db, now, alerts)
            resolve(db, [alert.alert_id for alert in alerts if alert.subject not in lasting])


_Look = Callable[[Settings, Database, datetime, Sequence[Alert]], set[str]]
"""The subjects of the alerts of one source that are not over, or of which the tables say nothing."""


def _misfitting(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    return {finding.subject for finding in settings_findings(settings)}


def _waiting(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    return {finding.subject for finding in late_records.observed_queue(settings, db, now).findings}


def _incomplete(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    days = _days(alerts)
    lacking = {finding.subject for finding in completeness(db, days).alerts} if days else set()
    return lacking | _without_a_day(alerts)


def _not_there(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    days = _days(alerts)
    return ({str(lack) for lack in missing(db, days)} if days else set()) | _without_a_day(alerts)


def _drifted(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    changed = changed_days(db)
    return {found.subject for found in (changed.findings if changed.is_certain else alerts)}


def _refused_by_the_rows(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    labels = account_labels(db)
    return {labels[account] for account, change in changed_since(db).items() if change.refused}


def _unsigned(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    labels = account_labels(db)
    signed = {labels[account]: last for account, last in last_signed_sessions(db).items()}

    def is_signed(alert: Alert) -> bool:
        label, _, _ = alert.subject.rpartition(" ")
        return alert.trading_day is not None and signed.get(label, date.min) >= alert.trading_day

    return {alert.subject for alert in alerts if not is_signed(alert)}


def _not_posted(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    days, labels = _days(alerts), account_labels(db)
    posted = posted_days(db, days) if days else []
    return {alert.subject for alert in alerts} - {f"{labels[day.account_id]} {day.trading_day}" for day in posted}


def _not_holding(kind: str) -> _Look:
    def look(settings: Settings, db: Database, now: datetime, alerts: Sequence[Alert]) -> set[str]:
        days, labels = _days(alerts), account_labels(db)
        rows = verifications(db, days, kinds=(kind,)) if days else []
        held = {f"{labels[row.account_id]} {row.trading_day} {row.equation}" for row in rows if row.passed}
        return {alert.subject for alert in alerts} - held

    return look


def _days(alerts: Sequence[Alert]) -> Period | None:
    """From the first to the last session that the alerts are about."""
    days = [alert.trading_day for alert in alerts if alert.trading_day]
    return Period(min(days), max(days)) if days else None


def _without_a_day(alerts: Sequence[Alert]) -> set[str]:
    return {alert.subject for alert in alerts if alert.trading_day is None}


_LOOKS: dict[str, _Look] = {
    SETTINGS_SOURCE: _misfitting,
    late_records.SOURCE: _waiting,
    "classified_fills/statements_are_complete": _incomplete,
    "classified_fills/every_account_is_rebuilt": _refused_by_the_rows,
    "raw_flex_xml/latest_session_is_present": _not_there,
    "daily_signature/signed_days_unchanged": _drifted,
    "daily_signature/every_account_is_signed": _unsigned,
    "chain_receipt/every_day_is_posted": _not_posted,
    **{f"daily_verification/{kind}_verification": _not_holding(kind) for kind in (*BLOCKING_KINDS, *WARNING_KINDS)},
}
"""By the check that raised them: its asset and its name."""
