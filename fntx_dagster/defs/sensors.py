"""What happens when something has changed: days are caught up, signed, shown as they go on, and told to a person.

Ticks decide from the project's own tables and ask for runs; the work, and all that goes over a network, is in the runs.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.adapters.evm.client import addresses_of
from fntx_dagster.defs import queue
from fntx_dagster.defs.alerts import deliver_alerts
from fntx_dagster.defs.failures import is_transient, said
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.former_names import current_job, recorded_jobs
from fntx_dagster.defs.jobs import (
    daily_run,
    fetch_files,
    post_queue,
    refresh_current_day,
    refresh_days,
    run_loaded_days,
    sign_days,
    verify_days,
)
from fntx_dagster.defs.partitions import FIRST_SESSION
from fntx_dagster.defs.ranges import request
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.schedules import signing
from fntx_dagster.errors import Permanent, without_accounts
from fntx_dagster.model.chain import Unfinished
from fntx_dagster.model.finding import Finding
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.services import alerting as notifications
from fntx_dagster.services.database import Database
from fntx_dagster.services.fetching import configured, overdue
from fntx_dagster.services.signatures.refusals import Beginning
from fntx_dagster.settings import Settings
from fntx_dagster.store import alerts
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days

Tick = Iterator[dg.RunRequest | dg.SkipReason]
_FETCHING = (refresh_days, daily_run, fetch_files)
_POSTING = (daily_run, run_loaded_days, sign_days, post_queue)
_TELLING = (*_FETCHING, run_loaded_days, verify_days, sign_days)
_AFTER_CLOSE = timedelta(minutes=30)
_RECENT = timedelta(days=7)
_SILENCE = timedelta(hours=1)
_FRESH = timedelta(hours=1)
_PATIENCE = {True: timedelta(minutes=5), False: timedelta(minutes=30)}
"""How often the queue's run is asked for: while its oldest record is fresh, and later, so that a chain that is away for
days does not fill the list of runs."""
_RECEIPTS = "chain_receipt"
_BLOCK_SECONDS = 12
"""The slowest of the chains that matter."""
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_EVENTS = 1000
_LATE = 200
"""How many ids of events back are read again: of two that write at once, the lower id may appear later."""
_RUNS = 20


@dg.sensor(
    job=refresh_days,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fetches and tells the sessions that should be there and are not, the oldest month first.",
)
def missing_sessions(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """So an outage of any length heals without a person."""
    if _under_way(context, _FETCHING):
        yield dg.SkipReason("Statements are being fetched.")
        return
    if unfit := _unfit(platform.settings()):
        yield dg.SkipReason(unfit[0].text)
        return
    now = _now()
    found = overdue(platform.settings(), platform.database(), now)
    if found.days:
        yield request(Period(found.days[0], found.days[-1]), f"{now:%Y-%m-%dT%H:%M}")
    else:
        yield dg.SkipReason(f"{found.reason[:1].upper()}{found.reason[1:]}.")


@dg.sensor(
    job=sign_days,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Signs each session as soon as it is complete and verified, after its account's last signed one.",
)
def complete_days(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """An account's first signature is the schedule's or a person's."""
    if _under_way(context, (*_TELLING, post_queue)):
        yield dg.SkipReason("Days are being built or signed.")
        return
    now = _now()
    # what failed for a reason that lasts is tried again in an hour
    yield signing(platform.database(), now, Beginning.NOTHING, f"{now:%Y-%m-%dT%H}")


@dg.sensor(
    job=post_queue,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends what waits for the chain, in order: after an outage without a person.",
)
def chain_queue(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The chain is asked in the run. What has failed waits for a person."""
    if _under_way(context, _POSTING):
        yield dg.SkipReason("Records are being signed or posted.")
        return
    settings, db, now = platform.settings(), platform.database(), _now()
    try:
        waiting = _waiting_here(settings, db)
    except Permanent as error:
        yield dg.SkipReason(without_accounts(str(error)))
        return
    if not waiting:
        yield dg.SkipReason("No record waits for the chain.")
    elif not _is_ripe(settings, db, waiting, now):
        yield dg.SkipReason(f"{len(waiting)} records are mined and become final in a few blocks.")
    else:
        patience = _PATIENCE[now - min(one.queued_at for one in waiting) < _FRESH]
        bucket = int(now.timestamp() // patience.total_seconds())
        days = [one.trading_day for one in waiting]
        yield request(Period(min(days), max(days)), f"{len(days)} wait, {patience.seconds // 60} min {bucket}")


@dg.sensor(
    job=refresh_current_day,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks IB Gateway for the current day while the session is open, and for half an hour after its close.",
)
def open_session(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run asks, so a gateway that hangs holds no tick up."""
    now = _now()
    today = now.astimezone(NEW_YORK).date()
    if not platform.settings().gateway.addresses:
        yield dg.SkipReason("No IB Gateway is in the settings.")
    elif not any(s.opens_at <= now <= s.closes_at + _AFTER_CLOSE for s in sessions(today, today)):
        yield dg.SkipReason("No session is open.")
    elif _under_way(context, (refresh_current_day,)):
        yield dg.SkipReason("IB Gateway is being asked.")
    else:
        yield dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M}")


@dg.sensor(
    job=deliver_alerts,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads what checks found and which options were assigned; each new alert is logged here and sent once.",
)
def alert(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The cursor is what was read; what was found before the first tick raises nothing. Settings that do not fit
    together are found here, because no run begins with them, and what waits for a chain that is away, because its check
    does not run then."""
    settings, db = platform.settings(), platform.database()
    newest = alerts.newest(db)
    for evaluation in _new_evaluations(context):
        alerts.observe(db, *observed(evaluation))
    alerts.observe(db, "statements", "settings", _unfit(settings))
    alerts.observe(db, queue.KIND, queue.SOURCE, queue.waiting_too_long(db, settings.posting.waiting_hours, _now()))
    alerts.note_assignments(db, (_now() - _RECENT).date())
    for one in alerts.raised_after(db, newest):
        context.log.warning(f"{one.kind}: {one.text}")
    unsent = notifications.waiting(settings, db)
    if not settings.alerts.urls:
        yield dg.SkipReason(f"{len(alerts.open_alerts(db))} alerts are open; FNTX_ALERT_URLS names no destination.")
    elif not unsent:
        yield dg.SkipReason("Every alert is delivered.")
    elif _under_way(context, (deliver_alerts,)):
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
    job = current_job(context.dagster_run.job_name)
    if job == deliver_alerts.name:
        return
    failures = context.get_step_failure_events()
    if failures and all(event.step_key == _RECEIPTS and is_transient(event) for event in failures):
        return  # what waits for the chain is told when it waits too long
    steps = [said(event) for event in failures] or [context.failure_event.message or "failed"]
    text = without_accounts(f"{job}: {'; '.join(steps)}")
    subject = f"{job}: {', '.join(event.step_key for event in failures)}"
    alerts.observe(platform.database(), "run", f"run/{job}", [Finding(subject, text)])
    if _ended_later(context, dg.DagsterRunStatus.SUCCESS):
        alerts.observe(platform.database(), "run", f"run/{job}", [])
    context.log.warning(text)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A run that succeeded ends the alert of its job.",
)
def succeeded_run(context: dg.RunStatusSensorContext, platform: Platform) -> None:
    """What checks found is ended by the checks. A run that failed after it is not ended by it: the two sensors have
    each its own pace."""
    if not _ended_later(context, dg.DagsterRunStatus.FAILURE):
        db, job = platform.database(), current_job(context.dagster_run.job_name)
        alerts.observe(db, "run", f"run/{job}", [])
        if job == post_queue.name:  # what other runs could not post
            for other in _POSTING:
                alerts.observe(db, "run", f"run/{other.name}", [], looked=[f"{other.name}: {_RECEIPTS}"])


def _now() -> datetime:
    """The clock of every tick."""
    return datetime.now(UTC)


def _waiting_here(settings: Settings, db: Database) -> list[Unfinished]:
    """What the chain of the settings can take. What is bound to another one, or has failed, waits for a person."""
    waiting = [one for one in unfinished(db) if one.state != "failed" and one.trading_day >= FIRST_SESSION]
    if not waiting:
        return []
    here = addresses_of(settings)
    return [one for one in waiting if (one.chain_id, one.contract) == (here.chain_id, here.track_record)]


def _is_ripe(settings: Settings, db: Database, waiting: Sequence[Unfinished], now: datetime) -> bool:
    """Whether there is something to send, or a mined record for which there was time to become final."""
    if any(one.state != "mined" for one in waiting):
        return True
    depth = timedelta(seconds=settings.chain.confirmations * _BLOCK_SECONDS)
    mined = posted_days(db, Period(waiting[0].trading_day, waiting[-1].trading_day))
    return any(one.posted_at + depth <= now for one in mined if not one.is_final)


def _under_way(context: dg.SensorEvaluationContext, jobs: Sequence[object]) -> bool:
    """Whether a run of the jobs is unfinished. One whose process was killed with its machine goes on for ever in
    Dagster's eyes and keeps its place among the runs allowed: when it has said nothing for an hour, it has failed."""
    names = {job.name for job in jobs}
    found = False
    for run in context.instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED)):
        if run.status == dg.DagsterRunStatus.STARTED and _silent(context.instance, run.run_id):
            context.instance.report_run_failed(run, "The run said nothing for an hour: its process was killed.")
        else:
            found = found or current_job(run.job_name) in names
    return found


def _ended_later(context: dg.RunStatusSensorContext, status: dg.DagsterRunStatus) -> bool:
    """Whether a run of the same job ended so after the one that the sensor is about."""
    run = context.dagster_run
    this = context.instance.get_run_record_by_id(run.run_id)
    same_job = [dg.RunsFilter(job_name=name, statuses=[status]) for name in recorded_jobs(current_job(run.job_name))]
    newest = [
        record
        for runs in same_job
        for record in context.instance.get_run_records(runs, limit=_RUNS, order_by="update_timestamp")
    ]
    return any((one.end_time or 0) > (this.end_time or 0) for one in newest if one.dagster_run.run_id != run.run_id)


def _unfit(settings: Settings) -> list[Finding]:
    """What does not fit together in the settings of the Flex Web Service."""
    try:
        configured(settings)
    except Permanent as error:
        return [Finding("settings", without_accounts(str(error)))]
    return []


def _silent(instance: dg.DagsterInstance, run_id: str) -> bool:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return bool(newest) and newest[0].timestamp < (_now() - _SILENCE).timestamp()


def _new_evaluations(context: dg.SensorEvaluationContext) -> list[dg.AssetCheckEvaluation]:
    """Evaluations of checks that were not read yet, oldest first. The cursor is the id of the newest that was read, and
    with it, behind colons, those not far before it: each is read once."""
    if context.cursor is None:
        newest = context.instance.get_event_records(_evaluations(None), limit=_LATE, ascending=False)
        _move_cursor(context, {record.storage_id for record in newest} or {0})
        return []
    read = {int(number) for number in context.cursor.split(":")}
    records = context.instance.get_event_records(
        _evaluations(max(0, max(read) - _LATE)), limit=_EVENTS + len(read), ascending=True
    )
    new = [record for record in records if record.storage_id not in read][:_EVENTS]
    _move_cursor(context, read | {record.storage_id for record in new})
    return [record.event_log_entry.dagster_event.asset_check_evaluation_data for record in new]


def _move_cursor(context: dg.SensorEvaluationContext, read: set[int]) -> None:
    near = (number for number in read if number >= max(read) - _LATE)
    context.update_cursor(":".join(map(str, sorted(near))))


def _evaluations(after: int | None) -> dg.EventRecordsFilter:
    return dg.EventRecordsFilter(event_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION, after_cursor=after)


SENSORS = [missing_sessions, complete_days, chain_queue, open_session, alert, failed_run, succeeded_run]
