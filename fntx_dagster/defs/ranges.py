"""Which sessions a run covers, and who owns the assets: what every asset asks of its context."""

from datetime import date
from typing import Any

OWNERS = ["team:fntx"]


def range_of(context: Any) -> tuple[date, date]:
    """First and last session of the run's partitions, inclusive."""
    keys = sorted(context.partition_keys)
    return date.fromisoformat(keys[0]), date.fromisoformat(keys[-1])
