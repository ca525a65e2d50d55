"""Which open alerts are about something that is over, as far as the project's own tables say.

Whoever looks at alerts closes these: the command, the sensor, the run. What only the chain, the broker or a gateway can
say is closed by whoever asks them, and a failed run by a run of its job that succeeds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

from fntx_dagster.model.period import spans
from fntx_dagster.services.building.verification import completeness
from fntx_dagster.services.signatures import late_records
from fntx_dagster.services.signatures.drifting import still_drifted
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS, WARNING_KINDS
from fntx_dagster.services.watching import settings_findings
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.changes import changed_since
from fntx_dagster.store.alerts import Alert, resolve, unresolved
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.marts.verification import holding
from fntx_dagster.store.outbox.signatures import last_signed_sessions, posted_days
from fntx_dagster.store.raw_flex.coverage import missing

SETTINGS_SOURCE = "settings"
"""Of alerts about settings that do not fit together."""


def settle(settings: Settings, db: Database, now: datetime) -> None:
    """Resolve the open alerts whose condition is over at `now` (aware). Raises no alert, and contacts no network. All
    of it is read from one snapshot; an alert that somebody observes again meanwhile stays open."""
    with db.snapshot() as snapshot:
        marks, over = unresolved(snapshot), []
        by_source: dict[str, list[Alert]] = {}
        for alert in marks:
            by_source.setdefault(alert.source, []).append(alert)
        for source, alerts in by_source.items():
            if look := _LOOKS.get(source):
                lasting = look(settings, snapshot, now, alerts)
                over += [alert for alert in alerts if alert.subject not in lasting]
    resolve(db, {alert: marks[alert] for alert in over})


_Look = Callable[[Settings, Readable, datetime, Sequence[Alert]], set[str]]
"""Takes the open alerts of one source, and returns the subjects of those that stay open: their condition lasts, or the
tables do not say whether it does."""


def _misfitting(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    return {finding.subject for finding in settings_findings(settings)}


def _waiting(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    return {finding.subject for finding in late_records.observed_queue(settings, db, now).findings}


def _incomplete(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    lacking = {finding.subject for span in spans(_days(alerts)) for finding in completeness(db, span).alerts}
    return lacking | _without_a_day(alerts)


def _not_there(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    return {str(lack) for span in spans(_days(alerts)) for lack in missing(db, span)} | _without_a_day(alerts)


def _drifted(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    """Days that could not be compared are one alert for an account: only the check, which reads every day, ends it."""
    labels, lasting = account_labels(db), _without_a_day(alerts)
    for account in last_signed_sessions(db):
        days = _days([alert for alert in alerts if alert.subject == f"{labels[account]} {alert.trading_day}"])
        lasting |= {f"{labels[account]} {day}" for day in still_drifted(db, account, days)}
    return lasting


def _refused_by_the_rows(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    labels = account_labels(db)
    return {labels[account] for account, change in changed_since(db).items() if change.refused}


def _unsigned(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    labels = account_labels(db)
    signed = {labels[account]: last for account, last in last_signed_sessions(db).items()}

    def is_signed(alert: Alert) -> bool:
        label, _, _ = alert.subject.rpartition(" ")
        return alert.trading_day is not None and signed.get(label, date.min) >= alert.trading_day

    return {alert.subject for alert in alerts if not is_signed(alert)}


def _not_posted(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
    labels = account_labels(db)
    posted = [record for span in spans(_days(alerts)) for record in posted_days(db, span)]
    return {alert.subject for alert in alerts} - {f"{labels[day.account_id]} {day.trading_day}" for day in posted}


def _not_holding(kind: str) -> _Look:
    def look(settings: Settings, db: Readable, now: datetime, alerts: Sequence[Alert]) -> set[str]:
        labels = account_labels(db)
        equations = [
            (alert.trading_day, alert.subject.partition(f" {alert.trading_day} ")[2])
            for alert in alerts
            if alert.trading_day
        ]
        held = {f"{labels[account]} {day} {equation}" for account, day, equation in holding(db, kind, equations)}
        return {alert.subject for alert in alerts} - held

    return look


def _days(alerts: Sequence[Alert]) -> set[date]:
    """The sessions that the alerts are about."""
    return {alert.trading_day for alert in alerts if alert.trading_day}


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
