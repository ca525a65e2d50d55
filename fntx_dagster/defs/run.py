"""A run over a range of sessions from this process: the same jobs that the UI serves, recorded in the same instance."""

from datetime import date, timedelta
from typing import Any, NamedTuple

import dagster as dg

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.definitions import defs
from fntx_dagster.defs.environment import dagster_environment
from fntx_dagster.defs.failures import cause_of, said
from fntx_dagster.defs.partitions import FIRST_SESSION, SESSIONS
from fntx_dagster.defs.ranges import range_tags
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings import Settings, export


class RunOutcome(NamedTuple):
    """What became of a run. `failures`: per failed step or check what it said; `transient`: a later try may help;
    `warnings`: checks that only warn; `metadata`: per materialised asset what it told of itself."""

    run_id: str
    success: bool
    failures: list[str]
    transient: bool
    warnings: list[str]
    metadata: dict[str, dict[str, Any]]


def sessions_between(first: date, last: date) -> list[date]:
    """The sessions of a range that have a partition; Permanent where the range holds none."""
    if first > last:
        raise Permanent(f"the range ends ({last}) before it begins ({first})", "Give --from the earlier day")
    if first < FIRST_SESSION and sessions(first, min(last, FIRST_SESSION - timedelta(days=1))):
        raise Permanent(
            f"Dagster has partitions from {FIRST_SESSION} on, and the range begins {first}",
            "Set FNTX_FIRST_SESSION to the first day of your statements",
        )
    keys = [date.fromisoformat(key) for key in SESSIONS.get_partition_keys()]
    found = [day for day in keys if first <= day <= last]
    if not found:
        known = f"{keys[0]} to {keys[-1]}" if keys else "none yet"
        raise Permanent(
            f"no session of the exchange between {first} and {last} (known: {known})",
            "Choose days on which the exchange was open; a session is there from midnight New York after it",
        )
    return found


def run_range(settings: Settings, job_name: str, first: date, last: date) -> RunOutcome:
    """Run a job over the sessions between two days (inclusive) in this process and wait for it."""
    days = sessions_between(first, last)
    export(dagster_environment(settings))
    with dg.DagsterInstance.get() as instance:
        result = defs.resolve_job_def(job_name).execute_in_process(
            instance=instance,
            run_config={"loggers": {"progress": {}}},
            tags=range_tags(days[0], days[-1]),
            raise_on_error=False,
        )
    # a blocking check that failed ends its step too: it is told once, by what it found
    failed_steps = [event for event in result.all_events if event.is_step_failure]
    failures = [said(event) for event in failed_steps if not _is_check(event)]
    checks = [
        event.asset_check_evaluation_data
        for event in result.all_events
        if event.event_type_value == "ASSET_CHECK_EVALUATION"
    ]
    failed = [check for check in checks if not check.passed]
    failures += [_check(check) for check in failed if check.severity == dg.AssetCheckSeverity.ERROR]
    warnings = [_check(check) for check in failed if check.severity == dg.AssetCheckSeverity.WARN]
    metadata = {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.all_events
        if event.is_step_materialization
    }
    causes = [cause_of(event) for event in failed_steps]
    transient = any(cause is not None and cause.cls_name == Transient.__name__ for cause in causes)
    return RunOutcome(result.run_id, result.success and not failures, failures, transient, warnings, metadata)


def _is_check(event: dg.DagsterEvent) -> bool:
    error = event.step_failure_data.error
    return error is not None and error.cls_name == "DagsterAssetCheckFailedError"


def _check(check: dg.AssetCheckEvaluation) -> str:
    return f"{check.asset_key.to_user_string()} · {check.check_name}: {check.description or 'failed'}"
