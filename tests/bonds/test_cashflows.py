"""What a tranche owes in money beside the schedule of ACTUS, which is computed by other code."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.bonds.business_days import CONVENTIONS, business_days
from fntx_dagster.bonds.cashflows import ScheduledDue, coupon_periods, scheduled_dues
from fntx_dagster.bonds.cycles import read_cycle
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from tests.bonds.drawn_terms import events


@st.composite
def tranches(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "start": draw(st.dates(date(2020, 1, 1), date(2024, 12, 31))),
        "years": draw(st.integers(1, 6)),
        "cycle": draw(st.sampled_from(["P1ML1", "P3ML1", "P6ML0", "P1YL1", "P45DL0"])),
        "convention": draw(st.sampled_from(CONVENTIONS)),
        "day_count": draw(st.sampled_from([*DAY_COUNTS])),
        "notional": draw(st.integers(1, 10**10)),
        "rate": draw(st.sampled_from(["0", "0.05", "0.0333", "0.2"])),
    }


def dues(of: dict[str, Any], repayment: str) -> list[ScheduledDue]:
    days = business_days(of["convention"], "MF")
    maturity = of["start"].replace(year=of["start"].year + of["years"], day=min(of["start"].day, 28))
    periods = coupon_periods(of["start"], maturity, read_cycle(of["cycle"]), days)
    return scheduled_dues(periods, of["notional"], Fraction(of["rate"]), of["day_count"], repayment)


def scheduled(of: dict[str, Any], kind: str) -> list[tuple[date, str, int]]:
    """Date, kind and cents of every payment of the contract."""
    maturity = of["start"].replace(year=of["start"].year + of["years"], day=min(of["start"].day, 28))
    terms = {
        "contractType": kind,
        "contractRole": "RPA",
        "statusDate": "2019-01-01",
        "initialExchangeDate": of["start"].isoformat(),
        "maturityDate": maturity.isoformat(),
        "notionalPrincipal": f"{of['notional']}e-2",
        "nominalInterestRate": of["rate"],
        "dayCountConvention": of["day_count"],
        "businessDayConvention": of["convention"],
        "calendar": "MF",
        "cycleOfInterestPayment": of["cycle"],
    }
    if kind == "ANN":
        terms["cycleOfPrincipalRedemption"] = of["cycle"]
    paid = [event for event in events(terms, places=2) if event.kind in ("IP", "PR", "MD") and event.payoff]
    names = {"IP": "interest", "PR": "principal", "MD": "principal"}
    return sorted((event.at.day, names[event.kind], int(event.payoff * 100)) for event in paid)


def listed(found: list[ScheduledDue]) -> list[tuple[date, str, int]]:
    rows = [(due.period.due, kind, getattr(due, kind)) for due in found for kind in ("interest", "principal")]
    return sorted(row for row in rows if row[2])


@given(tranches())
def test_a_bullet_owes_what_a_contract_that_repays_at_maturity_pays(of: dict[str, Any]) -> None:
    assert listed(dues(of, "bullet")) == scheduled(of, "PAM")


@given(tranches())
def test_equal_payments_are_those_of_an_annuity(of: dict[str, Any]) -> None:
    assert listed(dues(of, "annuity")) == scheduled(of, "ANN")


@given(tranches(), st.sampled_from(["bullet", "linear", "annuity"]))
def test_everything_is_repaid_and_each_period_begins_with_what_the_one_before_left(
    of: dict[str, Any], repayment: str
) -> None:
    found = dues(of, repayment)
    left = of["notional"]
    for due in found:
        assert due.outstanding == left
        assert due.principal >= 0
        left -= due.principal
    assert left == 0
    assert [due.period.start for due in found[1:]] == [due.period.end for due in found[:-1]]


@given(tranches())
def test_equal_redemptions_differ_by_less_than_the_number_of_periods_in_the_last_one_alone(of: dict[str, Any]) -> None:
    found = dues(of, "linear")
    assert len({due.principal for due in found[:-1]}) <= 1
    assert 0 <= found[-1].principal - of["notional"] // len(found) < len(found)
