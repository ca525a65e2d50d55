"""Settings of encrypted aggregation: the pool of this home, and a trustee's file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fntx_dagster.settings.forms import ADDRESS
from fntx_dagster.settings.groups import Group


class AggregationSettings(Group):
    """Encrypted aggregation: the pool that an account's days are submitted to, and the trustee's part."""

    aggregator: str | None = Field(
        default=None,
        pattern=ADDRESS,
        description="address of the pool's Aggregator; unset: nothing is submitted, checked or opened",
    )
    trustee_file: Path | None = Field(
        default=None,
        description="encrypted file of a trustee's secret, as `fntx aggregate trustee init` writes it; unset: no share "
        "is served",
    )
    min_change: int = Field(
        default=3,
        ge=2,
        description="a trustee serves a day only if it has the traders of each day that is opened or has shares, or "
        "this many others (3)",
    )
