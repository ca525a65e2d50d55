"""Which sessions a run covers, how a run over a range is requested, and who owns the assets."""

from datetime import date
from typing import Any

import dagster as dg

from fntx_dagster.defs.internals import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from fntx_dagster.model.period import Period
from fntx_dagster.services.watching import Plan

OWNERS = ["team:fntx"]
BEGINNING = "fntx/beginning"
"""The tag of a run that says what it signs of accounts that have never signed (`signatures.Beginning`); unset: all."""


def range_of(context: Any) -> Period:
    """From the first to the last session of the run's partitions. The context is an asset's or a check's."""
    keys = sorted(context.partition_keys)
    return Period(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))


def range_tags(period: Period) -> dict[str, str]:
    """The tags that make one run cover the sessions between two days, inclusive."""
    first, last = period
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def requested(plan: Plan, **tags: str) -> dg.RunRequest | dg.SkipReason:
    """One run over the sessions of a plan, which begins and ends with a session, or why there is none."""
    if plan.period is None:
        return dg.SkipReason(plan.text)
    first, last = plan.period
    return dg.RunRequest(run_key=f"{first}..{last} {plan.text}", tags=range_tags(plan.period) | tags)
