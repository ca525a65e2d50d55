"""Where windows begin; that the tables agree is compared in tests/dbt/test_rolling_metrics.py."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from fntx_dagster.metrics.windows import first_day

DAYS = [date(2023, 12, 25) + timedelta(days=number) for number in range(800)]


@pytest.mark.parametrize("last", [date(2025, 7, 18), date(2024, 2, 29), date(2025, 1, 1), date(2025, 12, 31)])
def test_windows_of_months_quarters_and_years_begin_with_them(last: date) -> None:
    assert first_day("mtd", last) == date(last.year, last.month, 1)
    assert first_day("qtd", last) == date(last.year, (1, 4, 7, 10)[(last.month - 1) // 3], 1)
    assert first_day("ytd", last) == date(last.year, 1, 1)
    assert first_day("all", last, date(2020, 1, 2)) == date(2020, 1, 2)


@pytest.mark.parametrize(("window", "days"), [("30d", 30), ("1y", 365), ("5y", 1825)])
def test_windows_of_days_hold_so_many_with_their_last(window: str, days: int) -> None:
    assert {(last - first_day(window, last)).days + 1 for last in DAYS} == {days}
