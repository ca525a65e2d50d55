"""A second way to compute a schedule: a walk over single days, slow and plain, for dates that are not shifted.

It shares nothing with what it checks: dates are counted month by month, each day adds its own interest, and the payment
of an annuity is found by two trials, since the balance at its end is a straight line in the payment.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

DAY = timedelta(days=1)
Line = tuple[date, str, Fraction, Fraction, Fraction, Fraction]
"""Date, kind, payoff, then notional, rate and accrued interest after it."""


@dataclass(frozen=True)
class Walked:
    """A contract of the lender; cycles are whole months. `market`: the value of a day."""

    start: date
    end: date
    notional: Fraction
    rate: Fraction
    day_count: str
    anchor: date
    months: int
    long_stub: bool
    premium: Fraction = Fraction(0)
    annuity: bool = False
    capitalized_until: date | None = None
    reset_from: date | None = None
    reset_months: int = 3
    next_rate: Fraction | None = None
    market: Callable[[date], Fraction] = field(default=lambda _: Fraction(0))
    purchase: date | None = None
    termination: date | None = None


def month_later(anchor: date, months: int) -> date:
    year, month = anchor.year, anchor.month
    for _ in range(months):
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return date(year, month, min(anchor.day, monthrange(year, month)[1]))


def dates(anchor: date, months: int, long_stub: bool, end: date) -> list[date]:
    """Those before the end."""
    found = [at for number in range(400) if (at := month_later(anchor, number * months)) < end]
    on_the_end = any(month_later(anchor, number * months) == end for number in range(400))
    return found[:-1] if long_stub and not on_the_end and len(found) > 1 else found


def a_day(day_count: str, day: date) -> Fraction:
    """The part of a year from a day to the next."""
    after = day + DAY
    if day_count == "30E360":
        return Fraction((min(after.day, 30) - min(day.day, 30)) % 30 if after.day > 1 else 31 - min(day.day, 30), 360)
    if day_count == "AA":
        return Fraction(1, 365 + (monthrange(day.year, 2)[1] == 29))
    return Fraction(1, int(day_count[1:]))


def walk(of: Walked) -> list[Line]:
    """The events, in order."""
    paid = dates(of.anchor, of.months, of.long_stub, of.end)
    resets = dates(of.reset_from, of.reset_months, False, of.end) if of.reset_from else []
    resets = [each for each in resets if each >= of.start]
    lines: list[Line] = []
    notional, rate, accrued, payment = of.notional, of.rate, Fraction(0), Fraction(0)

    def tell(day: date, kind: str, payoff: Fraction) -> None:
        if of.purchase is None or day > of.purchase or (day == of.purchase and kind == "PRD"):
            lines.append((day, kind, payoff, notional, rate, accrued))

    tell(of.start, "IED", -of.notional - of.premium)
    day = of.start
    while True:
        interest = day == of.end or day in paid
        if of.annuity and day in paid:
            redeemed = min(notional, payment - accrued)
            notional -= redeemed
            tell(day, "PR", redeemed)
        until = of.capitalized_until
        if interest and (until is None or day > until):
            due, accrued = accrued, Fraction(0)
            tell(day, "IP", due)
        if until is not None and (day == until or (day < until and interest)):
            notional, accrued = notional + accrued, Fraction(0)
            tell(day, "IPCI", Fraction(0))
        if day in resets:
            known = of.next_rate if day == resets[0] else None
            rate = of.market(day) if known is None else known
            tell(day, "RR" if known is None else "RRF", Fraction(0))
        if of.annuity and (day in resets or day == paid[0] - DAY):
            payment = payment_of(of, day, notional, rate, accrued, paid)
            for _ in range((day in resets) + (day == paid[0] - DAY)):
                tell(day, "PRF", Fraction(0))
        if day == of.purchase:
            tell(day, "PRD", -(Fraction(990) + accrued))
        if day == of.termination:
            due, notional, accrued = Fraction(1010) + accrued, Fraction(0), Fraction(0)
            tell(day, "TD", due)
            return lines
        if day == of.end:
            due, notional, accrued = notional, Fraction(0), Fraction(0)
            tell(day, "MD", due)
            return lines
        accrued += notional * rate * a_day(of.day_count, day)
        day += DAY


def payment_of(
    of: Walked, now: date, notional: Fraction, rate: Fraction, accrued: Fraction, paid: list[date]
) -> Fraction:
    """The payment that leaves nothing at the end, from what is left with no payment and with one of 1."""

    def left(payment: int) -> Fraction:
        balance, due, day = notional, accrued, now
        while day < of.end:
            due += balance * rate * a_day(of.day_count, day)
            day += DAY
            if day in paid or day == of.end:
                balance, due = balance + due - payment, Fraction(0)
        return balance

    without = left(0)
    return without / (without - left(1))
