"""What happens while the daemon works, a line each: runs that are requested, begin and end, and alerts.

Everything is read from the tables, so that runs which somebody starts elsewhere are seen too.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg

from fntx_dagster.defs.failures import error_text
from fntx_dagster.defs.shown import text
from fntx_dagster.services.database import Database
from fntx_dagster.services.status import open_alerts, unresolved_alerts

_OVERLAP = timedelta(minutes=2)
"""How far back is read again: clocks differ, and what was written late appears late."""
_REQUESTED = ("dagster/sensor_name", "dagster/schedule_name")


class Happenings:
    """What has happened since the last look. What there is at the first look is no news."""

    def __init__(self, instance: dg.DagsterInstance, db: Database) -> None:
        self._instance, self._db = instance, db
        self._since = datetime.now(UTC)
        self._runs = {record.dagster_run.run_id: record.dagster_run.status for record in self._changed_runs()}
        self._alerts = {alert.alert_id: alert for alert in open_alerts(db)}

    def new(self) -> Iterator[str]:
        """A line for each run that was requested, has begun or has ended, and for each alert that was raised, was
        dismissed or is over: plain text, in which an account is masked."""
        now, changed = datetime.now(UTC), self._changed_runs()
        for record in changed:
            run = record.dagster_run
            if self._runs.get(run.run_id) is not run.status and not self._is_old(record):
                yield from _lines(self._instance, record, is_known=run.run_id in self._runs)
            self._runs[run.run_id] = run.status
        self._forget({record.dagster_run.run_id for record in changed})
        self._since = now
        alerts = {alert.alert_id: alert for alert in open_alerts(self._db)}
        yield from (f"alert: {text(alert.text)}" for number, alert in alerts.items() if number not in self._alerts)
        if gone := [alert for number, alert in self._alerts.items() if number not in alerts]:
            dismissed = {alert.alert_id for alert in unresolved_alerts(self._db)}
            for alert in gone:
                yield f"alert {'dismissed' if alert.alert_id in dismissed else 'over'}: {text(alert.text)}"
        self._alerts = alerts

    def _is_old(self, record: dg.RunRecord) -> bool:
        """Whether a run that is not remembered ended before the last look: something else of it has changed."""
        if record.dagster_run.run_id in self._runs or record.end_time is None:
            return False
        return record.end_time < (self._since - _OVERLAP).timestamp()

    def _forget(self, changed: set[str]) -> None:
        """Remember of the runs that have ended those that the next look may find again."""
        self._runs = {run: status for run, status in self._runs.items() if run in changed or status not in _ENDS}

    def _changed_runs(self) -> list[dg.RunRecord]:
        filters = dg.RunsFilter(updated_after=self._since - _OVERLAP)
        return [*self._instance.get_run_records(filters, order_by="update_timestamp", ascending=True)]


def _lines(instance: dg.DagsterInstance, record: dg.RunRecord, is_known: bool) -> Iterator[str]:
    run = record.dagster_run
    name = f"{run.job_name}, run {run.run_id[:8]}"
    requested = next((run.tags[tag] for tag in _REQUESTED if tag in run.tags), None)
    if requested and not is_known:
        yield f"{requested} requested {name}"
    if run.status is dg.DagsterRunStatus.STARTED:
        yield f"{name}: started"
    elif run.is_finished:
        took = f" after {record.end_time - record.start_time:.0f} s" if record.start_time and record.end_time else ""
        yield f"{name}: {_ENDS[run.status]}{took}{_reason(instance, record)}"


_ENDS = {
    dg.DagsterRunStatus.SUCCESS: "succeeded",
    dg.DagsterRunStatus.FAILURE: "failed",
    dg.DagsterRunStatus.CANCELED: "canceled",
}


def _reason(instance: dg.DagsterInstance, record: dg.RunRecord) -> str:
    """The words of the steps that failed."""
    if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE:
        return ""
    kind = dg.DagsterEventType.STEP_FAILURE
    records = instance.get_records_for_run(record.dagster_run.run_id, of_type=kind).records
    texts = [error_text(each.event_log_entry.get_dagster_event()) for each in records]
    return ": " + text("; ".join(" ".join(words.split()) for words in texts)) if texts else ""
