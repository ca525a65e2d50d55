"""A run over a range of sessions from this process: the same jobs that the UI serves, recorded in the same instance."""

import gc
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import dagster as dg

from fntx_dagster.defs.definitions import defs
from fntx_dagster.defs.failures import error_text, is_transient
from fntx_dagster.defs.findings import observed
from fntx_dagster.defs.internals import MAX_RETRIES_TAG, is_failed_check, keep_connections
from fntx_dagster.defs.lost_server import naming_a_lost_server
from fntx_dagster.defs.partitions import DAYS, FIRST_SESSION, SESSIONS
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.services.alerting import record_run
from fntx_dagster.services.database import open_database
from fntx_dagster.services.environment import dagster_environment
from fntx_dagster.services.sessions import has_session, require_session, sessions_in
from fntx_dagster.services.status import account_states, sessions_explained
from fntx_dagster.settings import Settings, export


class RunOutcome(NamedTuple):
    """What became of a run. `failures`: the words of each failed step or check; `transient`: everything that failed may
    succeed later; `warnings`: checks that only warn; `notes`: what the report's head says is missing behind the
    figures; `metadata`: asset → its last materialisation's metadata;
    `changed`: what is new, as rows loaded, sessions explained (for the first time or again), days signed and posted."""

    run_id: str
    success: bool
    failures: list[str]
    transient: bool
    warnings: list[str]
    notes: list[str]
    metadata: dict[str, dict[str, Any]]
    changed: dict[str, int]


def joined(outcomes: Sequence[RunOutcome]) -> RunOutcome:
    """What became of several runs, as of one."""
    first, *others = outcomes
    for other in others:
        first = RunOutcome(
            f"{first.run_id} {other.run_id}",
            first.success and other.success,
            [*first.failures, *other.failures],
            (first.success or first.transient) and (other.success or other.transient),
            [*first.warnings, *other.warnings],
            [*first.notes, *other.notes],
            first.metadata | other.metadata,
            {name: number + other.changed[name] for name, number in first.changed.items()},
        )
    return first


def sessions_between(period: Period) -> list[date]:
    """The sessions of a range that have a partition; Permanent where the range holds none."""
    first, last = period
    require_session(period)
    if has_session(Period(first, min(last, FIRST_SESSION - timedelta(days=1)))):
        raise Permanent(
            f"Dagster has partitions from {FIRST_SESSION} on, and the range begins {first}",
            "Set FNTX_FIRST_SESSION to the first day of your statements",
        )
    ends = SESSIONS.get_first_partition_key(), SESSIONS.get_last_partition_key()
    begin, end = (date.fromisoformat(key) if key else None for key in ends)
    days = sessions_in(Period(max(first, begin), min(last, end))) if begin and end else []
    if not days:
        known = f"{begin} to {end}" if begin else "none yet"
        raise Permanent(
            f"no session of the exchange between {first} and {last} (known: {known})",
            "Choose days on which the exchange was open; a session is there from midnight New York after it",
        )
    return days


def days_between(period: Period) -> list[date]:
    """The days of a range that have a partition of the ledger; Permanent where they begin later."""
    if period.first < FIRST_SESSION:
        raise Permanent(
            f"Dagster has partitions from {FIRST_SESSION} on, and the range begins {period.first}",
            "Set FNTX_FIRST_SESSION to the first day of the ledger",
        )
    return [period.first + timedelta(days=number) for number in range((period.last - period.first).days + 1)]


def run_range(settings: Settings, job_name: str, period: Period) -> RunOutcome:
    """Run a job over the sessions, or a job of the ledger over the days, between two days (inclusive) in this process
    and wait for it.

    Raises Transient where it failed and the database server ended meanwhile, whatever the steps say of it.
    """
    is_by_day = defs.resolve_job_def(job_name).partitions_def == DAYS
    days = days_between(period) if is_by_day else sessions_between(period)
    export(dagster_environment(settings))
    run_id = str(uuid4())
    with naming_a_lost_server(settings, run_id) as fail_if_lost:
        outcome = _run(settings, job_name, run_id, Period(days[0], days[-1]))
        if not outcome.success:
            fail_if_lost()
    return outcome


def _run(settings: Settings, job_name: str, run_id: str, days: Period) -> RunOutcome:
    gc.freeze()  # the objects of before the run live on after it: they are not searched for garbage
    before = account_states(db := open_database(settings))
    with dg.DagsterInstance.get() as instance:
        keep_connections(instance)
        with _ending_at_once(instance, run_id):
            result = defs.resolve_job_def(job_name).execute_in_process(
                instance=instance,
                run_id=run_id,
                run_config={"loggers": {"progress": {}}},
                # whoever gave the command repeats it, not the daemon
                tags=range_tags(days) | {MAX_RETRIES_TAG: "0"},
                raise_on_error=False,
            )
        checks = [
            event.asset_check_evaluation_data
            for event in result.all_events
            if event.event_type_value == "ASSET_CHECK_EVALUATION"
        ]
        record_run(settings, db, job_name, [observed(check) for check in checks], succeeded=result.success)
    return _outcome(result, checks, sessions_explained(before, account_states(db)))


def _outcome(result: dg.ExecuteInProcessResult, checks: list[dg.AssetCheckEvaluation], explained: int) -> RunOutcome:
    # a blocking check that failed ends its step too: the check's own words are reported
    failed_steps = [event for event in result.all_events if event.is_step_failure and not is_failed_check(event)]
    failures = [error_text(event) for event in failed_steps]
    failed = [check for check in checks if not check.passed]
    errors = [check for check in failed if check.severity == dg.AssetCheckSeverity.ERROR]
    failures += [_check_text(check) for check in errors]
    warnings = [_check_text(check) for check in failed if check.severity == dg.AssetCheckSeverity.WARN]
    metadata: dict[str, dict[str, Any]] = {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }
    lasting = [event for event in failed_steps if not is_transient(event)]
    lasting += [check for check in errors if not _may_pass_later(check)]
    transient = bool(failures) and not lasting
    changed = {
        "rows_loaded": _sum(metadata, ("raw_flex_xml", "ledger_statements"), ("inserted", "updated", "withdrawn")),
        "sessions_explained": explained,
        "days_signed": _sum(metadata, ("daily_signature", "ledger_records"), ("signed",)),
        "days_posted": _sum(metadata, ("chain_receipt", "ledger_records"), ("posted",)),
    }
    notes = list(metadata.get("daily_report", {}).get("notes", ()))
    success = result.success and not failures
    return RunOutcome(result.run_id, success, failures, transient, warnings, notes, metadata, changed)


def _sum(metadata: dict[str, dict[str, Any]], assets: tuple[str, ...], names: tuple[str, ...]) -> int:
    return sum(metadata.get(asset, {}).get(name, 0) for asset in assets for name in names)


@contextmanager
def _ending_at_once(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """While inside, Ctrl-C ends the process, with exit code 130. Dagster would put it off to the end of the step, and
    then repeat the step where it has a retry policy. Whatever is cut off is a transaction or a file under another name.
    """
    heard, wake = os.pipe()
    os.set_blocking(wake, False)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    threading.Thread(target=_end_when_heard, args=(heard, instance, run_id), daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(wake)


def _end_when_heard(heard: int, instance: dg.DagsterInstance, run_id: str) -> None:
    while received := os.read(heard, 1):
        if received[0] in (signal.SIGINT, signal.SIGTERM):
            os.write(2, b"\nfntx: interrupted. Run it again: it goes on where it stopped\n")
            with suppress(Exception):  # else Dagster would take the run for under way for an hour
                if run := instance.get_run_by_id(run_id):
                    instance.report_run_canceled(run)
            os._exit(128 + signal.SIGINT)
    os.close(heard)


def _may_pass_later(check: dg.AssetCheckEvaluation) -> bool:
    """The metadata of a check say so."""
    return "transient" in check.metadata and check.metadata["transient"].value is True


def _check_text(check: dg.AssetCheckEvaluation) -> str:
    return f"{check.asset_key.to_user_string()} · {check.check_name}: {check.description or 'failed'}"
