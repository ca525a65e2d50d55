"""Interest in money: a coupon, what of it has accrued on a day, and what a single day adds. Whole minor units (cents).

A coupon is outstanding × rate × year fraction, an exact fraction, rounded once, half to even. What a day adds is the
difference of two rounded sums, so that the days of a period sum to its coupon, whatever they are rounded to.
"""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

from fntx_dagster.bonds.day_counts import year_fraction

_A_DAY = timedelta(days=1)


def coupon(outstanding: int, rate: Fraction, day_count: str, start: date, end: date) -> int:
    """The interest from `start` to `end`, the last day not counted, in the minor units of `outstanding`. `rate`: a
    year's, 1/20 for 5 %. Permanent for an unknown day count."""
    return round(outstanding * rate * year_fraction(start, end, day_count))


def accrued(outstanding: int, rate: Fraction, day_count: str, start: date, end: date, day: date) -> int:
    """What has accrued of the coupon from `start` to `end` when `day` begins: 0 up to `start`, the coupon from `end`
    on."""
    return coupon(outstanding, rate, day_count, start, max(start, min(day, end)))


def accrual_of_day(outstanding: int, rate: Fraction, day_count: str, start: date, end: date, day: date) -> int:
    """What the day before `day` has added when `day` begins: of the days after `start` up to `end` the coupon, of
    others 0. Where 30E360 counts no day, or a rounded sum does not move, it is 0."""
    now, before = (accrued(outstanding, rate, day_count, start, end, at) for at in (day, day - _A_DAY))
    return now - before
