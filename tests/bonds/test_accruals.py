"""Interest in money: by hand, and as the schedule has it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given

from fntx_dagster.bonds.accruals import coupon
from tests.bonds.drawn_terms import contracts, events

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
