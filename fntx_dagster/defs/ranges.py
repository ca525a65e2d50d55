"""Which sessions a run covers, how one over a range is asked for, and who owns the assets."""

from datetime import date
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from fntx_dagster.model.period import Period

OWNERS = ["team:fntx"]
BEGINNING = "fntx/beginning"
"""The tag of a run that says what it signs of accounts that have never signed (`signatures.Beginning`); unset: all."""


def range_of(context: Any) -> Period:
    """From the first to the last session of the run's partitions."""
    keys = sorted(context.partition_keys)
    return Period(date.fromisoformat(keys[0]), date.fromisoformat(keys[-1]))


def range_tags(period: Period) -> dict[str, str]:
    """The tags that make one run cover the sessions between two days, inclusive."""
    first, last = period
    return {ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()}


def request(period: Period, key: str, **tags: str) -> dg.RunRequest:
    """One run over the sessions between two days of which the outer ones are sessions; `key` makes it asked once."""
    first, last = period
    return dg.RunRequest(run_key=f"{first}..{last} {key}", tags=range_tags(period) | tags)
