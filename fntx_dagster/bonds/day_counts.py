"""Which part of a year lies between two dates: the day counts of ACTUS, as exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from fractions import Fraction

from fntx_dagster.errors import Permanent

_LONGEST = 80


def year_fraction(start: date, end: date, day_count: str) -> Fraction:
    """The part of a year from `start` to `end`, the last day not counted, below zero where `end` comes first.

    A360, A365: days ÷ 360, 365. AA: actual/actual ISDA, each day over the 365 or 366 days of its own year. 30E360:
    months of 30 days, a day 31 being a day 30 on both sides. Source: ACTUS data dictionary, dayCountConvention.
    Permanent for another day count.
    """
    if day_count not in DAY_COUNTS:
        raise Permanent(f"{day_count[:_LONGEST]!r} is no day count", f"Write one of {', '.join(DAY_COUNTS)}")
    return DAY_COUNTS[day_count](start, end)


def _over_360(start: date, end: date) -> Fraction:
    return Fraction((end - start).days, 360)


def _over_365(start: date, end: date) -> Fraction:
    return Fraction((end - start).days, 365)


def _actual(start: date, end: date) -> Fraction:
    if start.year == end.year:
        return Fraction((end - start).days, _days_of(start.year))
    return end.year - start.year + _since_new_year(end) - _since_new_year(start)


def _months_of_30_days(start: date, end: date) -> Fraction:
    months = 12 * (end.year - start.year) + end.month - start.month
    return Fraction(30 * months + min(end.day, 30) - min(start.day, 30), 360)


def _since_new_year(day: date) -> Fraction:
    return Fraction((day - date(day.year, 1, 1)).days, _days_of(day.year))


def _days_of(year: int) -> int:
    return 366 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 365


DAY_COUNTS: dict[str, Callable[[date, date], Fraction]] = {
    "A360": _over_360,
    "A365": _over_365,
    "AA": _actual,
    "30E360": _months_of_30_days,
}
"""Each day count by its name in ACTUS."""
