"""Alerts: raised from findings, resolved when what they are about is over, and delivered through Apprise to any number
of destinations, each alert once to each.

A check decides whether what it finds is worth an alert; `store.alerts` keeps the alerts. A destination's URL holds
secrets: messages name it by its place in FNTX_ALERT_URLS and its scheme, and never show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from itertools import groupby
from typing import NamedTuple

from pydantic import SecretStr

from fntx_dagster.adapters.apprise import send
from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.live.away import observed_gateways
from fntx_dagster.services.settling import SETTINGS_SOURCE, settle
from fntx_dagster.services.signatures.late_records import observed_queue
from fntx_dagster.services.watching import settings_findings
from fntx_dagster.settings import Settings
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.alerts import (
    Alert,
    dismiss,
    mark_delivered,
    newest,
    note_assignments,
    observe,
    open_alerts,
    raised_after,
    undelivered,
)
from fntx_dagster.store.database import Database, Readable

_DELIVERED_FOR = timedelta(days=3)
"""For how long an alert that is over is still delivered. An open alert is delivered whatever its age."""
_DELIVERY = "delivery of alerts"
_LINES = 20
_RECENT = timedelta(days=7)
"""Options that were assigned longer ago raise no alert."""

TITLES = {
    "verification": "A day fails its verification",
    "unusual": "Unusual values",
    "statements": "Statements that do not arrive",
    "account": "An account that cannot be built or signed",
    "drift": "A signed day's figures have changed",
    "isolation": "Days stand alone by what was shown",
    "witness": "Attestations that do not stand",
    "queue": "Records that do not get to the chain",
    "chain": "The chain holds another record than ours",
    "gap": "Sessions without a record on the chain",
    "funds": "FNTX or ether running out",
    "margin": "Margin",
    "gateway": "IB Gateway",
    "assignment": "Options assigned",
    "trip": "A circuit breaker tripped",
    "unknown_order": "Orders of unknown outcome",
    "order": "Orders and fills to look at",
    "prices": "Prices of exchanges",
    "ledger": "A ledger that does not hold",
    "audit": "The audit log does not hold",
    "anchors": "The audit log is not on its ledgers",
    "reconciliation": "The ledgers are not as they should be",
    "lists": "Sanctions lists that clear nobody",
    "compliance": "A payment is held back by a match",
    "escrow": "An escrow that ends soon, or needs a look",
    "settlement": "Expired executions without a settlement price",
    "run": "A run failed",
    "check": "A check failed",
}


def record(db: Database, observations: Iterable[Observed]) -> None:
    """Raise an alert for each finding that has none, and resolve those of the same sources that are over."""
    for seen in observations:
        observe(db, seen.kind, seen.source, seen.findings, seen.days, seen.whole, seen.looked, seen.among)


class Raised(NamedTuple):
    """What a look at everything did: the alerts that are new, how many are open, and the ids of those that some
    destination has not had yet."""

    new: list[Alert]
    open: int
    unsent: list[int]


def raise_alerts(settings: Settings, db: Database, observations: Iterable[Observed], now: datetime) -> Raised:
    """Record what checks observed, and what no run observes: settings that do not fit together, because no run begins
    with them; records that wait for a chain that is away, because their check does not run then; gateways that are
    away in a session; and options that were assigned in the last seven days. `now` is aware."""
    before = newest(db)
    record(db, observations)
    record(
        db,
        [
            Observed("statements", SETTINGS_SOURCE, settings_findings(settings)),
            observed_queue(settings, db, now),
            observed_gateways(db, now),
        ],
    )
    settle(settings, db, now)
    note_assignments(db, (now - _RECENT).date())
    return Raised(raised_after(db, before), len(open_alerts(db)), undelivered_ids(settings, db))


def note_failed_run(db: Database, job: str, steps: Sequence[str], errors: Sequence[str], *, is_over: bool) -> str:
    """Raise an alert for a run of a job whose `steps` failed with `errors`, and return its text, without a whole
    account id. `is_over`: a later run of the job has succeeded."""
    text = without_accounts(f"{job}: {'; '.join(errors)}")
    record(db, [Observed("run", f"run/{job}", [Finding(f"{job}: {', '.join(steps)}", text)])])
    if is_over:
        note_succeeded_run(db, job)
    return text


def note_succeeded_run(db: Database, job: str, posted_for: Sequence[str] = (), step: str = "") -> None:
    """Resolve the alerts about failed runs of a job, and those of the jobs `posted_for` of which only `step` failed."""
    record(db, [Observed("run", f"run/{job}", [])])
    record(db, [Observed("run", f"run/{other}", [], looked=[f"{other}: {step}"]) for other in posted_for])


def record_run(
    settings: Settings, db: Database, job: str, observations: Iterable[Observed], *, succeeded: bool
) -> None:
    """Record what the checks of a run that has just ended observed, and resolve what is over, where no daemon does."""
    record(db, observations)
    if succeeded:
        note_succeeded_run(db, job)
    settle(settings, db, datetime.now(UTC))


def dismissed(db: Database, chosen: Sequence[str], by: str | None = None, reason: str | None = None) -> list[Alert]:
    """Dismiss open alerts, `chosen` by their numbers or by their kinds, and return them: they are neither shown nor
    sent until they are over and return. `by` and `reason`: who does it, and why. Raises Permanent, and dismisses none,
    where something chosen is not open."""
    raised = open_alerts(db)
    unknown = [name for name in chosen if not any(name in (str(alert.alert_id), alert.kind) for alert in raised)]
    if unknown:
        raise Permanent(f"no open alert has the number or the kind {', '.join(unknown)}", "`fntx alerts` lists them")
    taken = [alert for alert in raised if str(alert.alert_id) in chosen or alert.kind in chosen]
    dismiss(db, [alert.alert_id for alert in taken], by, reason)
    return taken


class AlertDelivery(NamedTuple):
    """What came of one destination: its name, how many alerts it took, and why it did not take the rest (None: it took
    all)."""

    destination: str
    alerts: int
    problem: str | None


def deliver(settings: Settings, db: Database) -> list[AlertDelivery]:
    """Send what each destination has not had yet, a message per kind; what it does not take waits for the next time.
    While another process delivers, nothing is sent here, or a destination would get an alert twice."""
    lock = AdvisoryLock(db.url, _DELIVERY)
    if not settings.alerts.urls or not lock.take():
        return []
    try:
        return [_delivered(db, number, url) for number, url in enumerate(settings.alerts.urls, 1)]
    finally:
        lock.release()


def _delivered(db: Database, number: int, url: SecretStr) -> AlertDelivery:
    since = datetime.now(UTC) - _DELIVERED_FOR
    mark, taken, problem = mark_of(url), 0, None
    due = sorted(undelivered(db, mark, since), key=lambda alert: alert.kind)
    for kind, group in groupby(due, key=lambda alert: alert.kind):
        alerts = list(group)
        if problem := send(url, *message(kind, alerts)):
            break
        mark_delivered(db, alerts, mark)
        taken += len(alerts)
    return AlertDelivery(name_of(number, url), taken, problem)


def undelivered_ids(settings: Settings, db: Readable) -> list[int]:
    """The ids of alerts that some destination has not had yet."""
    since = datetime.now(UTC) - _DELIVERED_FOR
    return sorted({alert.alert_id for url in settings.alerts.urls for alert in undelivered(db, mark_of(url), since)})


def send_test_messages(settings: Settings) -> Iterator[AlertDelivery]:
    """Send a test message to each destination; a delivery says whether it arrived."""
    for number, url in enumerate(settings.alerts.urls, 1):
        problem = send(url, "FNTX: a test", "Alerts of FNTX will come here.")
        yield AlertDelivery(name_of(number, url), 0 if problem else 1, problem)


def message(kind: str, alerts: Sequence[Alert]) -> tuple[str, str]:
    """Title and text of the alerts of a kind."""
    lines = [cleaned(alert.text) for alert in alerts[:_LINES]]
    if len(alerts) > _LINES:
        lines.append(f"… and {len(alerts) - _LINES} more: fntx alerts")
    return f"FNTX: {TITLES.get(kind, kind)}", "\n".join(lines)


def mark_of(url: SecretStr) -> str:
    """A mark that recognises a destination and reveals nothing of it."""
    return blake2b(url.get_secret_value().encode(), digest_size=8, person=b"fntx-alert").hexdigest()


def name_of(number: int, url: SecretStr) -> str:
    """What messages call a destination: its place in the settings, and its service."""
    scheme, colon, _ = url.get_secret_value().partition("://")
    return f"destination {number} ({scheme})" if colon else f"destination {number}"
