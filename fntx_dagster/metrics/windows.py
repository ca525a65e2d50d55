"""The days that a window holds which ends at a session. `rolling_metrics.sql` says the same in SQL, and
tests/dbt/test_rolling_metrics.py compares the two on every day of generated histories.

Not here: the window of 30 observations, which counts sessions, not days.
"""

from __future__ import annotations

from datetime import date, timedelta

_DAYS = {"30d": 30, "1y": 365, "5y": 5 * 365}


def first_day(window: str, last: date, first: date = date.min) -> date:
    """The first day of a window that ends at `last`: 30d, mtd, qtd, ytd, 1y, 5y or all, which begins at `first`."""
    match window:
        case "mtd":
            return last.replace(day=1)
        case "qtd":
            return last.replace(month=last.month - (last.month - 1) % 3, day=1)
        case "ytd":
            return last.replace(month=1, day=1)
        case "all":
            return first
        case _:
            return last - timedelta(days=_DAYS[window] - 1)
