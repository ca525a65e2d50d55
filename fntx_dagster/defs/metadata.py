"""What an asset tells of its sessions, many at a time.

`AssetExecutionContext.add_asset_metadata` copies, for each session, what it has been given for all the others: ten
years of sessions would take it longer than everything else that a run does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import dagster as dg
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator


def describe(
    context: dg.AssetExecutionContext, told: Iterable[tuple[date, Mapping[str, Any]]], asset: str | None = None
) -> None:
    """Add metadata to the materialisations of sessions of the run; `asset` where the step has several."""
    step = context.get_step_execution_context()
    key = dg.AssetKey(asset) if asset else context.asset_key
    known = dict(step._metadata_accumulator.per_output_metadata)
    for day, metadata in told:
        handle = AssetMetadataHandle(asset_key=key, partition_key=day.isoformat())
        known[handle] = {**known.get(handle, {}), **metadata}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=known)
