"""Interest in money: by hand, and the law that the days of a period sum to its coupon."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.accruals import accrual_of_day, accrued, coupon
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from tests.bonds.drawn_terms import contracts, days, events

FIVE = Fraction(1, 20)
JANUARY, APRIL = date(2026, 1, 1), date(2026, 4, 1)


def test_a_quarter_of_five_percent_of_a_million() -> None:
    assert coupon(1_000_000_00, FIVE, "30E360", JANUARY, APRIL) == 12_500_00
    assert coupon(1_000_000_00, FIVE, "A365", JANUARY, APRIL) == 12_328_77  # 90 ÷ 365: 12,328.7671…
    assert coupon(1_000_000_00, FIVE, "A360", JANUARY, APRIL) == 12_500_00


def test_half_a_cent_is_rounded_to_the_even_cent() -> None:
    """1.00 at 10 % over a 360th and so on: the tenth of a cent decides nothing."""
    assert [coupon(cents, Fraction(1, 2), "A360", JANUARY, JANUARY + timedelta(days=360)) for cents in (1, 3, 5)] == [
        0,
        2,
        2,
    ]


def test_a_day_outside_of_its_period_adds_nothing() -> None:
    period = (1_000_000_00, FIVE, "A365", JANUARY, APRIL)
    assert accrued(*period, JANUARY) == accrual_of_day(*period, JANUARY) == 0
    assert accrual_of_day(*period, date(2026, 1, 2)) == 136_99
    assert accrued(*period, APRIL) == accrued(*period, date(2026, 5, 1)) == coupon(*period)
    assert accrual_of_day(*period, date(2026, 4, 2)) == accrual_of_day(*period, date(2025, 12, 31)) == 0


def test_months_of_thirty_days_count_no_thirty_first_and_three_days_at_the_end_of_february() -> None:
    period = (360_000_00, Fraction(1, 100), "30E360", JANUARY, APRIL)
    added = {day: accrual_of_day(*period, day) for day in days(JANUARY, APRIL)}
    assert added[date(2026, 1, 31)] == 0
    assert added[date(2026, 3, 1)] == 3 * added[date(2026, 2, 28)] == 30_00


@given(
    st.integers(0, 10**12),
    st.fractions(-1, 3, max_denominator=10**6),
    st.sampled_from([*DAY_COUNTS]),
    st.dates(date(2019, 1, 1), date(2025, 1, 1)),
    st.integers(0, 800),
)
def test_the_days_of_a_period_sum_to_its_coupon(
    outstanding: int, rate: Fraction, day_count: str, start: date, length: int
) -> None:
    end = start + timedelta(days=length)
    period = (outstanding, rate, day_count, start, end)
    around = days(start - timedelta(days=3), end + timedelta(days=3))
    assert sum(accrual_of_day(*period, day) for day in around) == coupon(*period)


@given(contracts())
def test_a_coupon_in_money_is_that_of_the_schedule(terms: dict[str, str]) -> None:
    """Computed once more, by decimal division of 60 digits instead of exact fractions."""
    terms |= {"businessDayConvention": "NOS", "contractRole": "RPA"}
    notional, rate = Decimal(terms["notionalPrincipal"]), Decimal(terms["nominalInterestRate"])
    first, *rest = (event for event in events(terms, places=2) if event.kind in ("IED", "IP"))
    for before, event in zip([first, *rest], rest, strict=False):
        start, end = before.at.counted, event.at.counted
        exact = coupon(int(notional * 100), Fraction(rate), terms["dayCountConvention"], start, end)
        assert Fraction(exact, 100) == event.payoff
        if terms["dayCountConvention"] == "A360":
            amount = notional * rate * (end - start).days / 360
            assert amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN) == Decimal(exact) / 100
