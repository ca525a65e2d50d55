"""What a tranche owes by schedule, in money: interest of each period and what is repaid, in minor units.

Interest is outstanding × rate × year fraction, an exact fraction, rounded once, half-even. Where a tranche is repaid
in equal payments, these are ACTUS's annuity: N · Π(1 + r·yᵢ) ÷ (1 + Σ of the products of the later factors).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.bonds.accruals import coupon
from fntx_dagster.bonds.annuity import annuity_payment
from fntx_dagster.bonds.business_days import BusinessDays
from fntx_dagster.bonds.cycles import Cycle, dates
from fntx_dagster.bonds.day_counts import year_fraction
from fntx_dagster.bonds.moments import Moment
from fntx_dagster.errors import Permanent

BULLET, LINEAR, ANNUITY = REPAYMENTS = ("bullet", "linear", "annuity")


class CouponPeriod(NamedTuple):
    """A period: interest counts from `start` to `end`, and is due on `due`."""

    number: int
    start: date
    end: date
    due: date


class ScheduledDue(NamedTuple):
    """What is due for a period, in minor units: `outstanding` bears the interest, `principal` is repaid."""

    period: CouponPeriod
    outstanding: int
    interest: int
    principal: int


def coupon_periods(start: date, maturity: date, cycle: Cycle, days: BusinessDays) -> list[CouponPeriod]:
    """The periods of a bond: by its cycle from its start, the last one up to its maturity. Raises Permanent where
    shifting leaves a period without a day, and where there are too many periods or dates after the year 9999."""
    try:
        ends = dates(Moment(start), cycle, Moment(maturity), with_end=True, first=1)
    except (OverflowError, ValueError) as error:
        raise Permanent(f"the periods up to {maturity}: {error}", "Write a longer cycle, or an earlier end") from None
    periods: list[CouponPeriod] = []
    begins = start
    for number, end in enumerate(ends, 1):
        counted = days.counted(end)
        if counted <= begins:
            raise Permanent(f"the period that ends on {end.day} has no day left when it is shifted", "Use longer ones")
        periods.append(CouponPeriod(number, begins, counted, days.shifted(end.day)))
        begins = counted
    return periods


def scheduled_dues(
    periods: Sequence[CouponPeriod], notional: int, rate: Fraction, day_count: str, repayment: str
) -> list[ScheduledDue]:
    """What is due for each period of a tranche, in minor units; at the end everything is repaid."""
    payment = _payment(periods, notional, rate, day_count) if repayment == ANNUITY else 0
    dues: list[ScheduledDue] = []
    outstanding = notional
    for period in periods:
        interest = coupon(outstanding, rate, day_count, period.start, period.end)
        if period.number == len(periods):
            principal = outstanding
        elif repayment == LINEAR:
            principal = notional // len(periods)
        elif repayment == ANNUITY:
            principal = min(outstanding, max(0, payment - interest))
        else:
            principal = 0
        dues.append(ScheduledDue(period, outstanding, interest, principal))
        outstanding -= principal
    return dues


def _payment(periods: Sequence[CouponPeriod], notional: int, rate: Fraction, day_count: str) -> int:
    """The payment that, made for each period, leaves nothing at the end, in whole minor units."""
    first, *years = (year_fraction(period.start, period.end, day_count) for period in periods)
    return round(annuity_payment(notional + notional * rate * first, rate, years))
