"""Schedules beside a slow walk over single days: resets, capitalised interest, purchases, terminations, annuities."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.bonds.day_counts import DAY_COUNTS, year_fraction
from tests.bonds.day_by_day import DAY, Line, Walked, a_day, dates, walk
from tests.bonds.drawn_terms import days, events


def market(day: date) -> Fraction:
    """A rate of 0 to 12.9 %, another one each day."""
    return Fraction(day.toordinal() * 7 % 130, 1000)


@st.composite
def contracts(draw: st.DrawFn, *, annuity: bool) -> Walked:
    start = draw(st.dates(date(2019, 1, 1), date(2024, 2, 29)))
    anchor = start + timedelta(days=draw(st.integers(2, 100)))
    end = anchor + timedelta(days=draw(st.integers(40, 500)))
    months, long_stub = draw(st.sampled_from([1, 2, 3, 6])), draw(st.booleans())

    def maybe(first: date, last: date) -> date | None:
        return draw(st.none() | st.dates(first, last))

    reset_from = maybe(start + DAY, end - DAY)
    purchase = maybe(start + DAY, end - 2 * DAY)
    return Walked(
        start=start,
        end=end,
        notional=Fraction(draw(st.sampled_from(["1000", "123456.78"]))),
        rate=Fraction(draw(st.sampled_from(["0", "0.05", "0.0333", "0.2"]))),
        day_count=draw(st.sampled_from([*DAY_COUNTS])),
        anchor=anchor,
        months=months,
        long_stub=long_stub,
        premium=Fraction(draw(st.integers(-50, 50))),
        annuity=annuity,
        capitalized_until=None if annuity else maybe(start + DAY, end),
        reset_from=reset_from,
        reset_months=draw(st.integers(1, 6)),
        next_rate=draw(st.none() | st.just(Fraction("0.07"))) if reset_from else None,
        market=market,
        purchase=purchase,
        termination=maybe((purchase or start) + DAY, end),
    )


def computed(of: Walked) -> list[Line]:
    terms = {
        "contractType": "ANN" if of.annuity else "PAM",
        "contractRole": "RPA",
        "statusDate": (of.start - DAY).isoformat(),
        "initialExchangeDate": of.start.isoformat(),
        "maturityDate": of.end.isoformat(),
        "notionalPrincipal": str(float(of.notional)),
        "nominalInterestRate": str(float(of.rate)),
        "dayCountConvention": of.day_count,
        "premiumDiscountAtIED": str(of.premium),
        "cycleAnchorDateOfInterestPayment": of.anchor.isoformat(),
        "cycleOfInterestPayment": f"P{of.months}ML{0 if of.long_stub else 1}",
    }
    if of.annuity:
        terms["cycleAnchorDateOfPrincipalRedemption"] = of.anchor.isoformat()
        terms["cycleOfPrincipalRedemption"] = terms["cycleOfInterestPayment"]
    if of.capitalized_until:
        terms["capitalizationEndDate"] = of.capitalized_until.isoformat()
    if of.reset_from:
        terms["cycleAnchorDateOfRateReset"] = of.reset_from.isoformat()
        terms["cycleOfRateReset"] = f"P{of.reset_months}ML1"
        terms["marketObjectCodeOfRateReset"] = "M"
    if of.next_rate is not None:
        terms["nextResetRate"] = "0.07"
    if of.purchase:
        terms |= {"purchaseDate": of.purchase.isoformat(), "priceAtPurchaseDate": "990"}
    if of.termination:
        terms |= {"terminationDate": of.termination.isoformat(), "priceAtTerminationDate": "1010"}
    data = [{"timestamp": day.isoformat(), "value": str(float(market(day)))} for day in days(of.start, of.end)]
    return [(event.at.day, *event[1:]) for event in events(terms, {"M": {"data": data}})]


def alike(found: list[Line], wanted: list[Line]) -> None:
    assert [line[:2] for line in found] == [line[:2] for line in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert all(abs(a - b) < Fraction(1, 10**20) for a, b in zip(one[2:], other[2:], strict=True)), (one, other)


@settings(deadline=None)
@given(contracts(annuity=False))
def test_a_bond_is_what_its_days_come_to(of: Walked) -> None:
    alike(computed(of), walk(of))


@settings(deadline=None, max_examples=40)
@given(contracts(annuity=True))
def test_an_annuity_is_what_its_days_come_to(of: Walked) -> None:
    alike(computed(of), walk(of))


@pytest.mark.parametrize("day_count", DAY_COUNTS)
def test_the_days_of_the_walk_are_those_of_the_day_count(day_count: str) -> None:
    start = date(2023, 12, 15)
    for day in days(start, date(2025, 3, 2)):
        whole = sum((a_day(day_count, each - DAY) for each in days(start, day)), Fraction(0))
        assert whole == year_fraction(start, day, day_count), day


def test_the_dates_of_the_walk_are_cut_to_their_months() -> None:
    assert dates(date(2026, 1, 31), 1, True, date(2026, 5, 1)) == [
        date(2026, 1, 31),
        date(2026, 2, 28),
        date(2026, 3, 31),
    ]
