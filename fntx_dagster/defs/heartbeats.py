"""A run writes that it lives, and a run that is silent for too long has failed: Dagster launches it again elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import dagster as dg

from fntx_dagster.defs.ranges import SHARD
from fntx_dagster.services.database import Database
from fntx_dagster.services.heartbeats import give_up, is_silent, living, silences
from fntx_dagster.settings import Settings

_ALIVE = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@contextmanager
def heartbeat(
    settings: Settings, opened: Callable[[], Database], instance: dg.DagsterInstance, run: dg.DagsterRun
) -> Iterator[None]:
    """While inside, the run is heard of every thirty seconds. Where it was given up meanwhile, as after the machine was
    asleep, this process ends at once: another one does its work."""

    def end_process() -> None:
        os.write(2, b"fntx: this run was silent for too long and has been given up; another one does its work\n")
        os._exit(1)

    launcher = type(instance.run_launcher).__name__
    with living(settings, opened, run.run_id, launcher, run.tags.get(SHARD, ""), end_process):
        yield


def fail_silent_runs(
    settings: Settings, db: Database, instance: dg.DagsterInstance, now: datetime
) -> tuple[int, list[str]]:
    """How many runs live, and a line for each that was silent for too long: it has failed now, and is launched again
    where `run_retries` of dagster.yaml says so; one that was being canceled is canceled.

    A run without a heartbeat died before its first one: then what it wrote last to Dagster's own log counts.
    """
    runs = list(instance.get_runs(filters=dg.RunsFilter(statuses=_ALIVE)))
    heard = silences(db, [run.run_id for run in runs])
    failed = []
    for run in runs:
        own = heard.get(run.run_id)
        seconds = own.seconds if own else _since_last_event(instance, run.run_id, now)
        if not is_silent(settings, seconds) or not give_up(settings, db, run.run_id, has_beaten=own is not None):
            continue
        where = f" on {own.host}" if own else ""
        text = f"{run.job_name}, run {run.run_id[:8]}{where}: not heard of for {seconds:.0f} s, so its process is dead"
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, text)
        else:
            instance.report_run_failed(run, text)
        failed.append(text)
    return len(runs) - len(failed), failed


def _since_last_event(instance: dg.DagsterInstance, run_id: str, now: datetime) -> float:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return now.timestamp() - newest[0].timestamp if newest else 0.0
