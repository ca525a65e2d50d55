"""The range of days that a user gives: whether it can be one. Needs no database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.model.period import Period


def refuse_backwards(period: Period) -> None:
    """Raise Permanent where a range ends before it begins."""
    if period.first > period.last:
        raise Permanent(
            f"the range ends ({period.last}) before it begins ({period.first})", "Give the earlier day first"
        )
