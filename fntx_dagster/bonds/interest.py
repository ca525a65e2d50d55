"""Interest on what is outstanding, whatever is paid late: the one rule of accruals, dues, clocks and the waterfall.

Interest of a period accrues day by day on what of the principal is not paid back, by the day count of the tranche, and
is rounded once, half to even. Principal that is paid within the period for which it is due, or on its due date, counts
at the end of that period, as the schedule has it. What is paid later goes on bearing interest until the day on which a
ledger holds the payment, up to the end of the last period. Source: ACTUS, technical specification, PAM and ANN:
accrued interest grows by rate × year fraction × the notional of that moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from fntx_dagster.bonds.cashflows import CouponPeriod
from fntx_dagster.bonds.day_counts import year_fraction


class PaidBack(NamedTuple):
    """Principal, in minor units, that bears no interest any more from a day on."""

    day: date
    amount: int


class InterestTerms(NamedTuple):
    """A tranche as interest goes by it: its notional in minor units, its rate (1/20 for 5 %), day count and periods."""

    notional: int
    rate: Fraction
    day_count: str
    periods: Sequence[CouponPeriod]


def paid_back(
    periods: Sequence[CouponPeriod], redemptions: Mapping[int, int], payments: Iterable[PaidBack]
) -> list[PaidBack]:
    """From which day on each payment of principal bears no interest. `redemptions`: period → what is due for it by
    schedule; `payments`: in the order of their days. What is paid goes to what was due first."""
    due = [(each, redemptions[each.number]) for each in periods if redemptions.get(each.number)]
    found: list[PaidBack] = []
    for day, amount in payments:
        left = amount
        while left and due:
            period, owed = due[0]
            part = min(left, owed)
            found.append(PaidBack(_counts_from(period, day), part))
            left -= part
            due = due[1:] if part == owed else [(period, owed - part), *due[1:]]
        if left:
            found.append(PaidBack(day, left))
    return found


def interest(terms: InterestTerms, number: int, repaid: Iterable[PaidBack], day: date | None = None) -> int:
    """What has accrued of a period's interest when a day begins, None: when the period ends, in minor units."""
    period = terms.periods[number - 1]
    end = period.end if day is None else min(day, period.end)
    if end <= period.start:
        return 0
    repaid = [*repaid]
    edges = sorted({period.start, end, *(each.day for each in repaid if period.start < each.day < end)})
    total = Fraction(0)
    for start, until in pairwise(edges):
        outstanding = terms.notional - sum(each.amount for each in repaid if each.day <= start)
        total += outstanding * year_fraction(start, until, terms.day_count)
    return round(terms.rate * total)


def outstanding_on(terms: InterestTerms, repaid: Iterable[PaidBack], day: date) -> int:
    """What bears interest on a day."""
    return terms.notional - sum(each.amount for each in repaid if each.day <= day)


def _counts_from(period: CouponPeriod, day: date) -> date:
    return period.end if period.start <= day <= period.due else day
