"""Interest in money: a coupon, in whole minor units (cents).

A coupon is outstanding × rate × year fraction, an exact fraction, rounded once, half to even. What accrues of it day by
day, and what late principal adds, is in `interest`.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from fntx_dagster.bonds.day_counts import year_fraction


def coupon(outstanding: int, rate: Fraction, day_count: str, start: date, end: date) -> int:
    """The interest from `start` to `end`, the last day not counted, in the minor units of `outstanding`. `rate`: a
    year's, 1/20 for 5 %. Permanent for an unknown day count."""
    return round(outstanding * rate * year_fraction(start, end, day_count))
