"""Which sessions a run covers, how a run over a range is requested, and what the assets have in common."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from fntx_dagster.defs.internals import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from fntx_dagster.defs.shown import skipped
from fntx_dagster.model.period import Period
from fntx_dagster.services.database import Database
from fntx_dagster.services.shards import Accounts, accounts_of_run
from fntx_dagster.services.watching import Plan

OWNERS = ["team:fntx"]
NETWORK = "fntx/network"
"""The tag that says what an asset contacts: `flex`, `evm`, `gateway`, `xrpl`, `stellar`, or `none`. What
contacts nothing can be built again at any time, from what is loaded."""
LOCAL = {NETWORK: "none"}
FRESHNESS = dg.FreshnessPolicy.time_window(warn_window=timedelta(days=5), fail_window=timedelta(days=8))
"""Of assets that are built with each new session: four days may lie between two sessions, and a week without one is
long. The check `latest_session_is_present` knows the sessions; this shows when something was last built at all."""
BEGINNING = "fntx/beginning"
"""The tag of a run that says what it signs of accounts that have never signed (`signatures.Beginning`); unset: all."""

SHARD = "fntx/shard"
"""The tag of a run for a part of the accounts, such as `3/8` (`services.shards`); unset: all accounts."""
ACCOUNTS = "fntx/accounts"
"""The tag of a run for some accounts: their ids with commas between them; unset: those of the shard, or all."""


def accounts_of(context: Any, db: Database) -> Accounts:
    """The accounts that a run is for by its tags; None: all. The context is an asset's or a check's."""
    tags = context.run.tags
    return accounts_of_run(db, tags.get(SHARD), tags.get(ACCOUNTS))


def range_of(context: Any) -> Period:
    """From the first to the last session of the run's partitions. The context is an asset's or a check's."""
    keys = sorted(context.partition_keys)
    return Period(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))


def row_counts(context: Any, counts: Mapping[date, int]) -> list[tuple[date, dict[str, int]]]:
    """The rows of a table as metadata of each session of a run; a session without rows has none, and a point in the
    plot."""
    days = [date.fromisoformat(key) for key in sorted(context.partition_keys)]
    return [(day, {"dagster/row_count": counts.get(day, 0)}) for day in days]


def range_tags(period: Period) -> dict[str, str]:
    """The tags that make one run cover the sessions between two days, inclusive."""
    first, last = period
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def requested(
    plan: Plan, shard: str | None = None, job: str | None = None, **tags: str
) -> dg.RunRequest | dg.SkipReason:
    """One run over the sessions of a plan, which begins and ends with a session, or why there is none. `shard`: of its
    accounts alone; `job`: where several may be requested."""
    if plan.period is None:
        return skipped(plan.text)
    first, last = plan.period
    key, part = f"{first}..{last} {plan.text}", {SHARD: shard} if shard else {}
    run_key = f"{key} {shard}" if shard else key
    return dg.RunRequest(run_key=run_key, job_name=job, tags=range_tags(plan.period) | part | tags)


def requested_parts(plans: Iterable[tuple[str | None, Plan]], **tags: str) -> list[dg.RunRequest | dg.SkipReason]:
    """A run for each shard whose plan has one; where none has, why the first has none."""
    asked = [requested(plan, shard, **tags) for shard, plan in plans]
    runs = [each for each in asked if isinstance(each, dg.RunRequest)]
    return [*runs] or asked[:1] or [skipped("No account is loaded.")]
