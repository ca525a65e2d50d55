"""What happens when something has changed: days are fetched, signed, posted, refreshed, and alerts are raised.

A tick decides from the project's own tables and requests a run; the work, and everything that uses a network, is in the
runs.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from fntx_dagster.defs.alerts import deliver_alerts
from fntx_dagster.defs.commitments import commit_signals
from fntx_dagster.defs.evaluations import new_evaluations
from fntx_dagster.defs.failures import error_text, is_transient
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.former_names import current_job, recorded_jobs
from fntx_dagster.defs.heartbeats import fail_silent_runs
from fntx_dagster.defs.jobs import (
    close_ledger_days,
    daily_run,
    fetch_files,
    post_ledger_queue,
    post_queue,
    refresh_current_day,
    refresh_days,
    run_loaded_days,
    sign_days,
    verify_days,
    verify_ledger_days,
)
from fntx_dagster.defs.pools import attend_pool
from fntx_dagster.defs.ranges import BEGINNING, requested, requested_parts
from fntx_dagster.defs.resources import Platform
from fntx_dagster.defs.shown import skipped, warning
from fntx_dagster.defs.treasury import attend_treasury, load_lists, watch_escrows
from fntx_dagster.defs.under_way import idle_parts, under_way
from fntx_dagster.model.session import SEVEN_DAYS, XNYS
from fntx_dagster.services import watching
from fntx_dagster.services.account_setup.rotating import rotation_is_sent
from fntx_dagster.services.aggregation.attending import is_named
from fntx_dagster.services.alerting import note_failed_run, note_succeeded_run, raise_alerts
from fntx_dagster.services.building import treasury
from fntx_dagster.services.screening.following_lists import mark_of_files
from fntx_dagster.services.sessions import is_open
from fntx_dagster.services.signals.committing import commitments_due
from fntx_dagster.services.signatures.refusals import Beginning

Tick = Iterator[dg.RunRequest | dg.SkipReason]
_FETCHING = [job.name for job in (refresh_days, daily_run, fetch_files)]
_POSTING = [job.name for job in (daily_run, run_loaded_days, sign_days, post_queue)]
_OF_LEDGER = [job.name for job in (close_ledger_days, verify_ledger_days, post_ledger_queue)]
_BUILDING = [*_FETCHING, *(job.name for job in (run_loaded_days, verify_days, sign_days))]
_RECEIPTS = "chain_receipt"
_RUNS = 20
_POOL_SECONDS = 900
_SENT_SECONDS, _UNSENT_SECONDS = 30, 600


@dg.sensor(
    jobs=[refresh_days, fetch_files],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fetches and builds the sessions whose statements should be there and are not, the oldest month first.",
)
def missing_sessions(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """An outage of any length is made up for without a person. Where accounts are divided, what was fetched is built by
    a run of each shard."""
    if under_way(context, _FETCHING):
        yield skipped("Statements are being fetched.")
    else:
        settings = platform.settings()
        job = refresh_days if settings.dagster.shards == 1 else fetch_files
        yield requested(watching.missing_statements(settings, platform.database(), _now()), job=job.name)


@dg.sensor(
    job=sign_days,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Signs each session as soon as it is complete and verified, after its account's last signed one.",
)
def complete_days(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """An account's first signature is the schedule's or a person's."""
    idle = idle_parts(context, platform, [*_BUILDING, post_queue.name])
    if not idle:
        yield skipped("Days are being built or signed.")
    else:
        settings, db = platform.settings(), platform.database()
        plans = [(shard, watching.complete_days_to_sign(settings, db, _now(), only)) for shard, only in idle]
        yield from requested_parts(plans, **{BEGINNING: Beginning.NOTHING.value})


@dg.sensor(
    job=verify_days,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Builds what loading has changed, a run for each shard, where accounts are divided into shards.",
)
def stale_days(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """Nothing for undivided accounts: the run that loads builds them."""
    settings, db = platform.settings(), platform.database()
    if settings.dagster.shards == 1:
        yield skipped("The accounts are not divided (FNTX_SHARDS).")
    elif not (idle := idle_parts(context, platform, _BUILDING)):
        yield skipped("Days are being built.")
    else:
        plans = [(shard, watching.stale_days_to_build(settings, db, _now(), only)) for shard, only in idle]
        yield from requested_parts(plans)


@dg.sensor(
    job=post_queue,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts the records that wait for the chain, in order: after an outage without a person.",
)
def chain_queue(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run contacts the chain. A record that has failed waits for a person."""
    idle = idle_parts(context, platform, _POSTING)
    if not idle:
        yield skipped("Records are being signed or posted.")
    else:
        settings, db = platform.settings(), platform.database()
        yield from requested_parts(
            [(shard, watching.queue_to_post(settings, db, _now(), XNYS, only)) for shard, only in idle]
        )


@dg.sensor(
    job=post_ledger_queue,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts the records of ledger accounts that wait for the chain, in order.",
)
def ledger_chain_queue(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """As `chain_queue`, by days of UTC."""
    if under_way(context, _OF_LEDGER):
        yield skipped("Days of the ledger are being closed or posted.")
    else:
        yield requested(watching.queue_to_post(platform.settings(), platform.database(), _now(), SEVEN_DAYS))


@dg.sensor(
    job=commit_signals,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Commits on the chain the signals of strategies that ask for it, soon after their entry.",
)
def signal_commitments(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run contacts the chain. A commitment that has failed waits for a person."""
    if under_way(context, [commit_signals.name]):
        yield skipped("Signals are being committed.")
    elif due := commitments_due(platform.database(), _now()):
        yield dg.RunRequest(run_key=due)
    else:
        yield skipped("No signal waits for the chain.")


@dg.sensor(
    job=attend_pool,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Does what a pool of traders asks for every quarter of an hour: submit, check, give shares, open.",
)
def pool_days(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run contacts the chain. Off until the settings name a pool."""
    if not is_named(platform.settings()):
        yield skipped("No pool is in the settings.")
    elif under_way(context, [attend_pool.name]):
        yield skipped("The pool is being attended to.")
    else:
        yield dg.RunRequest(run_key=f"{int(_now().timestamp()) // _POOL_SECONDS}")


@dg.sensor(
    job=attend_treasury,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks the ledgers what became of the treasury's transactions. Off until there is a treasury.",
)
def ledger_transactions(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """What waits for signatures is asked for every ten minutes: it only lapses. So is a rotation whose transactions are
    in their ledgers and that did not take effect with the last one, as while the treasury is paused."""
    if not treasury.is_configured(platform.settings()):
        yield skipped(treasury.NOT_CONFIGURED)
    elif not (waiting := treasury.open_transactions(platform.database())) and not rotation_is_sent(
        platform.database(), _now()
    ):
        yield skipped("No transaction of the treasury is open.")
    elif under_way(context, [attend_treasury.name]):
        yield skipped("The ledgers are being asked.")
    else:
        seconds = _SENT_SECONDS if "submitted" in waiting else _UNSENT_SECONDS
        yield dg.RunRequest(run_key=f"transactions {int(_now().timestamp()) // seconds}")


@dg.sensor(
    job=attend_treasury,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Ends proposals that nobody decided or prepared before their time. Off until there is a treasury.",
)
def overdue_proposals(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """A decision after that time counts for nothing, whether this ran or not."""
    if not treasury.is_configured(platform.settings()):
        yield skipped(treasury.NOT_CONFIGURED)
    elif not treasury.overdue_proposals(platform.database(), _now()):
        yield skipped("No proposal is past its end.")
    elif under_way(context, [attend_treasury.name]):
        yield skipped("Proposals are being ended.")
    else:
        yield dg.RunRequest(run_key=f"proposals {_now():%Y-%m-%dT%H:%M}")


@dg.sensor(
    job=watch_escrows,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Raises an alert 7 days and 1 day before an escrow can be cancelled. Off until there is a treasury.",
)
def escrow_deadlines(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """One run an hour: what counts is the ledger's time, which the run asks for."""
    if not treasury.is_configured(platform.settings()):
        yield skipped(treasury.NOT_CONFIGURED)
    elif not treasury.escrows_on_ledger(platform.database()):
        yield skipped("No ledger holds an escrow.")
    elif under_way(context, [watch_escrows.name]):
        yield skipped("The escrows are being looked at.")
    else:
        yield dg.RunRequest(run_key=f"escrows {_now():%Y-%m-%dT%H}")


@dg.sensor(
    job=load_lists,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Loads a sanctions list when its file has changed, and screens again. Off until there is a treasury.",
)
def list_files(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """It looks at sizes and times; the run hashes the bytes. A file that was refused waits for another one."""
    if not treasury.is_configured(platform.settings()):
        yield skipped(treasury.NOT_CONFIGURED)
    elif (mark := mark_of_files(platform.settings())) is None:
        yield skipped("FNTX_LIST_FILES names no file: `fntx compliance load` loads lists by hand.")
    elif under_way(context, [load_lists.name]):
        yield skipped("Lists are being loaded.")
    else:
        yield dg.RunRequest(run_key=mark)


@dg.sensor(
    job=refresh_current_day,
    minimum_interval_seconds=300,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks IB Gateway for the current day while the session is open, and for half an hour after its close.",
)
def open_session(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The run asks, so a gateway that hangs does not delay a tick."""
    now = _now()
    if not platform.settings().gateway.addresses:
        yield skipped("No IB Gateway is in the settings.")
    elif not is_open(now):
        yield skipped("No session is open.")
    elif under_way(context, [refresh_current_day.name]):
        yield skipped("IB Gateway is being asked.")
    else:
        yield dg.RunRequest(run_key=f"{now:%Y-%m-%dT%H:%M}")


@dg.sensor(
    job=deliver_alerts,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reads what checks found and which options were assigned; each new alert is logged here and sent once.",
)
def alert(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """The cursor holds which evaluations were read. Findings from before the first tick raise no alert."""
    settings, now = platform.settings(), _now()
    seen = [observed(evaluation) for evaluation in new_evaluations(context)]
    raised = raise_alerts(settings, platform.database(), seen, now)
    for new in raised.new:
        warning(context, f"{new.kind}: {new.text}")
    if not settings.alerts.urls:
        yield skipped(f"{raised.open} alerts are open; FNTX_ALERT_URLS names no destination.")
    elif not raised.unsent:
        yield skipped("Every alert is delivered.")
    elif under_way(context, [deliver_alerts.name]):
        yield skipped("Alerts are being sent.")
    else:
        # a destination that does not take them is tried again in a quarter of an hour
        quarter = int(now.timestamp()) // 900
        yield dg.RunRequest(run_key=f"{raised.unsent[-1]} {quarter}")


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Fails a run whose process or machine died, so that it is launched again elsewhere.",
)
def silent_runs(context: dg.SensorEvaluationContext, platform: Platform) -> Tick:
    """Whatever launched it: each run writes every thirty seconds that it lives (FNTX_RUN_SILENCE)."""
    living, failed = fail_silent_runs(platform.settings(), platform.database(), context.instance, _now())
    for text in failed:
        warning(context, text)
    yield skipped(f"{living} runs are under way." if living else "No run is under way.")


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A run that failed becomes an alert, open until a run of the same job succeeds.",
)
def failed_run(context: dg.RunFailureSensorContext, platform: Platform) -> None:
    """A failed delivery raises no alert, or a destination that is away would raise alerts for ever."""
    job = current_job(context.dagster_run.job_name)
    if job == deliver_alerts.name:
        return
    failures = context.get_step_failure_events()
    if failures and all(event.step_key == _RECEIPTS and is_transient(event) for event in failures):
        return  # records that wait for the chain become an alert when they wait too long
    text = note_failed_run(
        platform.database(),
        job,
        [str(event.step_key) for event in failures],
        [error_text(event) for event in failures] or [context.failure_event.message or "failed"],
        is_over=_ended_later(context, dg.DagsterRunStatus.SUCCESS),
    )
    warning(context, text)


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="A run that succeeded ends the alert of its job.",
)
def succeeded_run(context: dg.RunStatusSensorContext, platform: Platform) -> None:
    """The findings of checks are resolved by the checks. A success before a failure does not resolve the failure's
    alert: each of the two sensors has its own pace."""
    if not _ended_later(context, dg.DagsterRunStatus.FAILURE):
        job = current_job(context.dagster_run.job_name)
        # the queue's run posts what other runs could not
        posted_for = _POSTING if job == post_queue.name else ()
        note_succeeded_run(platform.database(), job, posted_for, _RECEIPTS)


def _now() -> datetime:
    """The clock of every tick."""
    return datetime.now(UTC)


def _ended_later(context: dg.RunStatusSensorContext, status: dg.DagsterRunStatus) -> bool:
    """Whether a run of the same job ended with a status after the run that the sensor is about."""
    run, instance = context.dagster_run, context.instance
    this = instance.get_run_record_by_id(run.run_id)
    ended_at = (this.end_time if this else None) or 0
    newest = [
        record
        for name in recorded_jobs(current_job(run.job_name))
        for record in instance.get_run_records(
            dg.RunsFilter(job_name=name, statuses=[status]), limit=_RUNS, order_by="update_timestamp"
        )
    ]
    return any((record.end_time or 0) > ended_at for record in newest if record.dagster_run.run_id != run.run_id)


SENSORS = [
    missing_sessions,
    stale_days,
    complete_days,
    chain_queue,
    ledger_chain_queue,
    signal_commitments,
    pool_days,
    ledger_transactions,
    overdue_proposals,
    escrow_deadlines,
    list_files,
    open_session,
    alert,
    silent_runs,
    failed_run,
    succeeded_run,
]
