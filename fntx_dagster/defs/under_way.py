"""Whether a run of some jobs is under way, for the accounts that another one would be for."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from fntx_dagster.defs.former_names import current_job
from fntx_dagster.defs.ranges import SHARD
from fntx_dagster.defs.resources import Platform
from fntx_dagster.services.shards import Accounts, parts

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def under_way(context: dg.SensorEvaluationContext, jobs: Sequence[str], shard: str | None = None) -> bool:
    """Whether a run of the jobs is unfinished: one of the shard, or one that says no shard and is for all accounts. One
    whose process died is ended by `silent_runs`."""
    return any(each in (None, shard) or shard is None for each in _shards_under_way(context, jobs))


def idle_parts(
    context: dg.SensorEvaluationContext, platform: Platform, jobs: Sequence[str]
) -> list[tuple[str | None, Accounts]]:
    """The shards for which no run of the jobs is unfinished, with their accounts: a slow one holds up no
    other."""
    busy = _shards_under_way(context, jobs)
    if not busy:
        return list(parts(platform.settings(), platform.database()))
    if None in busy or platform.settings().dagster.shards == 1:
        return []
    return [(shard, only) for shard, only in parts(platform.settings(), platform.database()) if shard not in busy]


def _shards_under_way(context: dg.SensorEvaluationContext, jobs: Sequence[str]) -> set[str | None]:
    runs = context.instance.get_runs(filters=dg.RunsFilter(statuses=_UNFINISHED))
    return {run.tags.get(SHARD) for run in runs if current_job(run.job_name) in jobs}
