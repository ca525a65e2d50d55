"""What was observed of the market: values of named rates, each at the date that it was fixed for."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from fntx_dagster.bonds.moments import Moment, read_moment
from fntx_dagster.bonds.term_values import number
from fntx_dagster.errors import Permanent

Observed = Mapping[str, Mapping[Moment, Fraction]]
"""A market object's code → the times of its values."""


def read_observed(raw: Any) -> Observed:
    """`{code: {"data": [{"timestamp", "value"}]}}`, or None for nothing. Permanent, naming code and row, for anything
    else, and for two values of one time."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise Permanent("observed is not an object", 'Write {"CODE": {"data": [{"timestamp": …, "value": …}]}}')
    return {code: _values(code, series) for code, series in raw.items()}


def _values(code: str, series: Any) -> dict[Moment, Fraction]:
    rows = series.get("data") if isinstance(series, dict) else None
    if not isinstance(rows, list):
        raise Permanent(f"observed {code[:80]} has no list `data`", 'Write {"data": [{"timestamp": …, "value": …}]}')
    values: dict[Moment, Fraction] = {}
    for position, row in enumerate(rows, 1):
        try:
            at, value = read_moment(str(row["timestamp"]).strip()), number(row["value"])
        except (LookupError, TypeError, ValueError) as error:
            reason = str(error) if isinstance(error, ValueError) else "timestamp or value is missing"
            raise Permanent(f"observed {code[:80]}, row {position}: {reason}", "Correct the row") from None
        if values.setdefault(at, value) != value:
            raise Permanent(f"observed {code[:80]}, row {position}: {at} has two values", "Keep the right one")
    return values
