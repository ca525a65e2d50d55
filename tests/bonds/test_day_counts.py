"""The day counts, by hand and by the laws that each keeps."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.day_counts import DAY_COUNTS, year_fraction
from fntx_dagster.errors import Permanent

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))


@pytest.mark.parametrize(
    ("day_count", "start", "end", "fraction"),
    [
        ("A360", "2026-01-01", "2026-04-01", Fraction(90, 360)),
        ("A365", "2024-01-01", "2025-01-01", Fraction(366, 365)),
        ("AA", "2024-01-01", "2025-01-01", Fraction(1)),
        ("AA", "2023-12-01", "2024-02-01", Fraction(31, 365) + Fraction(31, 366)),
        ("AA", "1899-12-31", "1901-01-01", Fraction(1, 365) + 1),  # 1900 is no leap year
        ("30E360", "2026-01-01", "2026-04-01", Fraction(90, 360)),
        ("30E360", "2026-01-31", "2026-03-31", Fraction(60, 360)),
        ("30E360", "2026-02-28", "2026-03-31", Fraction(32, 360)),
    ],
)
def test_the_part_of_a_year_as_counted_by_hand(day_count: str, start: str, end: str, fraction: Fraction) -> None:
    assert year_fraction(date.fromisoformat(start), date.fromisoformat(end), day_count) == fraction


@given(DAYS, DAYS, DAYS, st.sampled_from([*DAY_COUNTS]))
def test_the_parts_of_a_period_make_the_whole(start: date, between: date, end: date, day_count: str) -> None:
    parts = year_fraction(start, between, day_count) + year_fraction(between, end, day_count)
    assert parts == year_fraction(start, end, day_count)
    assert year_fraction(end, start, day_count) == -year_fraction(start, end, day_count)


def test_another_day_count_is_refused() -> None:
    with pytest.raises(Permanent, match="'ACT/ACT' is no day count"):
        year_fraction(date(2026, 1, 1), date(2026, 2, 1), "ACT/ACT")
