"""Interest on what is outstanding: late and partial principal bears it until it is paid; days sum to what is due."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.accruals import coupon
from fntx_dagster.bonds.cashflows import CouponPeriod
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.bonds.interest import InterestTerms, PaidBack, interest, outstanding_on, paid_back

ENDS = [date(2026, 1, 1), date(2026, 4, 1), date(2026, 7, 1), date(2026, 10, 1), date(2027, 1, 1)]
PERIODS = [CouponPeriod(n, ENDS[n - 1], ENDS[n], ENDS[n]) for n in range(1, 5)]
TERMS = InterestTerms(1_000_000_00, Fraction(1, 20), "30E360", PERIODS)
LINEAR = dict.fromkeys(range(1, 5), 250_000_00)
payments = st.lists(
    st.tuples(st.integers(-20, 500), st.integers(1, 400_000_00)).map(
        lambda each: PaidBack(ENDS[0] + timedelta(each[0]), each[1])
    ),
    max_size=6,
).map(sorted)


def days(start: date, end: date) -> list[date]:
    return [start + timedelta(each) for each in range((end - start).days)]


def test_what_is_paid_when_it_is_due_bears_the_interest_of_the_schedule() -> None:
    repaid = paid_back(PERIODS, LINEAR, [PaidBack(end, 250_000_00) for end in ENDS[1:]])
    by_hand = [12_500_00, 9_375_00, 6_250_00, 3_125_00]
    assert [interest(TERMS, number, repaid) for number in range(1, 5)] == by_hand
    early = paid_back(PERIODS, LINEAR, [PaidBack(end - timedelta(20), 250_000_00) for end in ENDS[1:]])
    assert [interest(TERMS, number, early) for number in range(1, 5)] == by_hand


def test_late_principal_bears_interest_until_it_is_paid() -> None:
    """250,000 due on 1 April: 100,000 paid on 1 May, the rest on 1 July: 2,500 more than the schedule's 9,375 less the
    interest of 100,000 for two of three months, 833.33."""
    late = [PaidBack(date(2026, 5, 1), 100_000_00), PaidBack(date(2026, 7, 1), 150_000_00)]
    repaid = paid_back(PERIODS, LINEAR, late)
    assert interest(TERMS, 1, repaid) == 12_500_00
    assert interest(TERMS, 2, repaid) == 11_666_67  # 12,500 − 833.33…
    assert interest(TERMS, 2, repaid, date(2026, 5, 1)) == 4_166_67
    assert interest(TERMS, 2, repaid, date(2026, 6, 1)) == 4_166_67 + 3_750_00
    assert outstanding_on(TERMS, repaid, date(2026, 5, 1)) == 900_000_00


@given(payments, st.sampled_from([*DAY_COUNTS]), st.fractions(0, 1, max_denominator=10**4))
def test_accruals_come_to_the_interest_that_is_due_however_late_and_partial_principal_is(
    paid: list[PaidBack], day_count: str, rate: Fraction
) -> None:
    terms = TERMS._replace(rate=rate, day_count=day_count)
    repaid = paid_back(PERIODS, LINEAR, paid)
    assert sum(each.amount for each in repaid) == sum(each.amount for each in paid)
    for period in PERIODS:
        at = [interest(terms, period.number, repaid, day) for day in days(period.start, period.end + timedelta(1))]
        accruals = [after - before for before, after in pairwise(at)]
        assert (at[0], sum(accruals)) == (0, interest(terms, period.number, repaid))


@given(st.sampled_from([*DAY_COUNTS]), st.fractions(0, 1, max_denominator=10**4))
def test_with_nothing_paid_it_is_the_coupon_of_the_notional(day_count: str, rate: Fraction) -> None:
    terms = TERMS._replace(rate=rate, day_count=day_count)
    for period in PERIODS:
        assert interest(terms, period.number, []) == coupon(terms.notional, rate, day_count, period.start, period.end)


@given(payments)
def test_later_payment_never_means_less_interest(paid: list[PaidBack]) -> None:
    later = [PaidBack(each.day + timedelta(15), each.amount) for each in paid]
    for number in range(1, 5):
        before = interest(TERMS, number, paid_back(PERIODS, LINEAR, paid), ENDS[-1])
        assert interest(TERMS, number, paid_back(PERIODS, LINEAR, later), ENDS[-1]) >= before
