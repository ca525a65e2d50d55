"""What happens when something has changed: days are caught up, signed, shown as they go on, and told to a person.

Ticks decide from the project's own tables and ask for runs; the work, and all that goes over a network, is in the runs.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from fntx_dagster import alerts as notifications
from fntx_dagster.accounting.calendar import NEW_YORK, sessions
from fntx_dagster.defs.alerts import delivered_alerts
from fntx_dagster.defs.failures import said
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.jobs import (
    current_day_job,
    daily_run,
    fetched_files,
    from_loaded,
    refreshed_days,
    signed_days,
    verified_day,
)
from fntx_dagster.defs.ranges import BEGINNING, request
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.schedules import why_nothing_to_sign
from fntx_dagster.errors import without_accounts
from fntx_dagster.fetching import overdue
from fntx_dagster.signatures import Beginning, waiting
from fntx_dagster.store import alerts
from fntx_dagster.store.alerts import Finding

Tick = Iterator[dg.RunRequest | dg.SkipReason]
_FETCHING = (refreshed_days, daily_run, fetched_files)
_TELLING = (*_FETCHING, from_loaded, verified_day, signed_days)
_AFTER_CLOSE = timedelta(minutes=30)
_RECENT = timedelta(days=7)
_SILENCE = timedelta(hours=2)
_EVENTS = 1000


@dg.sensor(
    job=refreshed_days,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fetches and tells the sessions that should be there and are not, the oldest month first.",
)
def missing_sessions(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """So an outage of any length heals without a person."""
    if _under_way(context, _FETCHING):
        yield dg.SkipReason("Statements are being fetched.")
        return
    now = _now()
    found = overdue(platform.settings(), platform.database(), now)
    if found.days:
        yield request(found.days[0], found.days[-1], f"{now:%Y-%m-%dT%H:%M}")
    else:
        yield dg.SkipReason(f"{found.reason[:1].upper()}{found.reason[1:]}.")


@dg.sensor(
    job=signed_days,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Signs each session as soon as it is complete and verified, after its account's last signed one.",
)
def complete_days(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """An account's first signature is the schedule's or a person's."""
    if _under_way(context, _TELLING):
        yield dg.SkipReason("Days are being told or signed.")
        return
    now, found = _now(), waiting(platform.database(), Beginning.NOTHING)
    days = sorted(day for one in found.values() for day in one.days)
    if days:
        # what failed for a reason that lasts is tried again in an hour
        yield request(days[0], days[-1], f"{len(days)} {now:%Y-%m-%dT%H}", **{BEGINNING: Beginning.NOTHING.value})
    else:
        yield dg.SkipReason(" ".join(why_nothing_to_sign(found, now)))


@dg.sensor(
    job=current_day_job,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks IB Gateway for the current day while the session is open, and for half an hour after its close.",
)
def open_session(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run asks, so a gateway that hangs holds no tick up."""
    now = _now()
    today = now.astimezone(NEW_YORK).date()
    if not platform.settings().gateways:
        yield dg.SkipReason("No IB Gateway is in the settings.")
    elif not any(s.opens_at <= now <= s.closes_at + _AFTER_CLOSE for s in sessions(today, today)):
        yield dg.SkipReason("No session is open.")
    elif _under_way(context, (current_day_job,)):
        yield dg.SkipReason("IB Gateway is being asked.")
    else:
        yield dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M}")


@dg.sensor(
    job=delivered_alerts,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads what checks found and which options were assigned; each new alert is logged here and sent once.",
)
def alert(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The cursor is the last evaluation that was read; what was found before the first tick raises nothing."""
    settings, db = platform.settings(), platform.database()
    newest = alerts.newest(db)
    for evaluation in _new_evaluations(context):
        said = observed(evaluation)
        alerts.observe(db, *said)
    alerts.note_assignments(db, (_now() - _RECENT).date())
    for one in alerts.raised_after(db, newest):
        context.log.warning(f"{one.kind}: {one.text}")
    unsent = notifications.waiting(settings, db)
    if not settings.alert_urls:
        yield dg.SkipReason(f"{len(alerts.open_alerts(db))} alerts are open; FNTX_ALERT_URLS names no destination.")
    elif not unsent:
        yield dg.SkipReason("Every alert is delivered.")
    elif _under_way(context, (delivered_alerts,)):
        yield dg.SkipReason("Alerts are being sent.")
    else:
        # a destination that does not take them is tried again in a quarter of an hour
        quarter = int(_now().timestamp()) // 900
        yield dg.RunRequest(run_key=f"{unsent[-1]} {quarter}")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A run that failed becomes an alert, open until a run of the same job succeeds.",
)
def failed_run(context: dg.RunFailureSensorContext, platform: Platform) -> None:
    """Sending alerts is left out, or a destination that is away would raise alerts for ever."""
    job = context.dagster_run.job_name
    if job == delivered_alerts.name:
        return
    steps = [said(event) for event in context.get_step_failure_events()] or [context.failure_event.message or "failed"]
    text = without_accounts(f"{job}: {'; '.join(steps)}")
    subject = f"{job}: {', '.join(event.step_key for event in context.get_step_failure_events())}"
    alerts.observe(platform.database(), "run", f"run/{job}", [Finding(subject, text)])
    context.log.warning(text)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A run that succeeded ends the alert of its job.",
)
def succeeded_run(context: dg.RunStatusSensorContext, platform: Platform) -> None:
    """What checks found is ended by the checks."""
    alerts.observe(platform.database(), "run", f"run/{context.dagster_run.job_name}", [])


def _now() -> datetime:
    """The clock of every tick."""
    return datetime.now(UTC)


def _under_way(context: dg.SensorEvaluationContext, jobs: Sequence[object]) -> bool:
    """Whether a run of the jobs is unfinished. One that has long said nothing was killed with its machine, and Dagster
    may never hear of it: it stands in nobody's way."""
    names = {job.name for job in jobs}
    unfinished = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    alive = dg.RunsFilter(statuses=unfinished, updated_after=_now() - _SILENCE)
    runs = context.instance.get_runs(filters=alive)
    return any(run.job_name in names for run in runs)


def _new_evaluations(context: dg.SensorEvaluationContext) -> list[dg.AssetCheckEvaluation]:
    """Evaluations of checks since the cursor, oldest first; moves the cursor on."""
    if context.cursor is None:
        newest = context.instance.get_event_records(_evaluations(None), limit=1, ascending=False)
        context.update_cursor(str(newest[0].storage_id if newest else 0))
        return []
    records = context.instance.get_event_records(_evaluations(int(context.cursor)), limit=_EVENTS, ascending=True)
    if records:
        context.update_cursor(str(records[-1].storage_id))
    return [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in records]


def _evaluations(after: int | None) -> dg.EventRecordsFilter:
    return dg.EventRecordsFilter(event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=after)


SENSORS = [missing_sessions, complete_days, open_session, alert, failed_run, succeeded_run]
