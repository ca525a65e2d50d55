"""Schedules beside figures by hand, beside a walk over single days, and the laws that all of them keep."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fntx_dagster.bonds.day_counts import year_fraction
from fntx_dagster.bonds.terms import read_terms
from fntx_dagster.errors import Permanent
from tests.bonds.drawn_terms import ANNUITY, PLAIN, contracts, days, events, shown

RATES = {"R": {"data": [{"timestamp": "2026-07-01", "value": "0.02"}, {"timestamp": "2026-10-01", "value": "0.5"}]}}
RESET = {
    "cycleAnchorDateOfRateReset": "2026-07-01",
    "cycleOfRateReset": "P3ML1",
    "marketObjectCodeOfRateReset": "R",
    "rateMultiplier": "2",
    "rateSpread": "0.01",
}


def kinds_on(day: str, found: Any) -> list[str]:
    return [event.kind for event in found if str(event.at.day) == day]


def test_a_plain_contract_pays_its_coupons_and_its_notional() -> None:
    assert shown(events(PLAIN | {"premiumDiscountAtIED": -50})) == [
        "2026-01-01 IED -950 1000 0",
        "2026-04-01 IP 30 1000 0",
        "2026-07-01 IP 30 1000 0",
        "2026-10-01 IP 30 1000 0",
        "2027-01-01 IP 30 1000 0",
        "2027-01-01 MD 1000 0 0",
    ]


def test_without_a_cycle_all_interest_is_paid_at_the_end() -> None:
    terms = PLAIN | {"cycleAnchorDateOfInterestPayment": None, "cycleOfInterestPayment": ""}
    assert shown(events(terms)) == ["2026-01-01 IED -1000 1000 0", "2027-01-01 IP 120 1000 0", "2027-01-01 MD 1000 0 0"]
    capitalised = terms | {"capitalizationEndDate": "2026-07-01"}
    assert shown(events(capitalised))[1:] == [
        "2026-07-01 IPCI 0 1060 0",
        "2027-01-01 IP 63.6 1060 0",
        "2027-01-01 MD 1060 0 0",
    ]


def test_without_an_anchor_the_first_date_is_a_period_after_the_start() -> None:
    terms = PLAIN | {"cycleAnchorDateOfInterestPayment": None, "initialExchangeDate": "2026-01-31"}
    assert [str(event.at.day) for event in events(terms)][:3] == ["2026-01-31", "2026-04-30", "2026-07-31"]


def test_an_anchor_before_the_start_adds_what_has_accrued_since_and_no_event() -> None:
    found = events(PLAIN | {"statusDate": "2025-01-01", "cycleAnchorDateOfInterestPayment": "2025-12-01"})
    assert shown(found)[:2] == ["2026-01-01 IED -1000 1000 10", "2026-03-01 IP 30 1000 0"]
    given_too = events(PLAIN | {"accruedInterest": 7, "cycleAnchorDateOfInterestPayment": "2025-12-01"})
    assert shown(given_too)[:2] == ["2026-01-01 IED -1000 1000 7", "2026-03-01 IP 27 1000 0"]


def test_a_contract_that_runs_shows_what_is_after_its_status_date() -> None:
    found = events(PLAIN | {"statusDate": "2026-05-01"})
    assert shown(found)[0] == "2026-07-01 IP 30 1000 0"
    assert shown(events(PLAIN | {"statusDate": "2026-02-01"}))[0] == "2026-04-01 IP 30 1000 0"
    assert shown(events(PLAIN | {"statusDate": "2026-05-01", "accruedInterest": 4}))[0] == "2026-07-01 IP 24 1000 0"
    assert events(PLAIN | {"statusDate": "2027-01-01"}) == []


def test_a_contract_that_runs_has_accrued_since_the_last_interest_date_even_before_its_start() -> None:
    terms = PLAIN | {"initialExchangeDate": "2025-12-16", "cycleAnchorDateOfInterestPayment": "2025-10-01"}
    assert shown(events(terms))[0] == "2026-01-01 IP 30 1000 0"
    later = terms | {"statusDate": "2025-12-20", "cycleAnchorDateOfInterestPayment": "2026-01-01"}
    assert shown(events(later))[0] == "2026-01-01 IP 5 1000 0"


def test_a_rate_is_reset_to_what_was_observed_and_the_first_to_what_is_known() -> None:
    found = events(PLAIN | RESET, RATES)
    assert [(str(event.at.day), float(event.rate)) for event in found if event.kind == "RR"] == [
        ("2026-07-01", 0.05),
        ("2026-10-01", 1.01),
    ]
    assert kinds_on("2026-07-01", found) == ["IP", "RR"]
    assert [float(event.payoff) for event in found if event.kind == "IP"] == [30, 30, 12.5, 252.5]
    known = events(PLAIN | RESET | {"nextResetRate": "0.08"}, RATES)
    assert [(event.kind, float(event.rate)) for event in known if event.kind in ("RRF", "RR")] == [
        ("RRF", 0.08),
        ("RR", 1.01),
    ]
    later = events(PLAIN | RESET | {"nextResetRate": "0.08", "statusDate": "2026-07-01"}, RATES)
    assert [event.kind for event in later] == ["IP", "RRF", "IP", "MD"]


def test_a_reset_keeps_to_its_caps_and_floors() -> None:
    life = events(PLAIN | RESET | {"lifeCap": "0.2", "lifeFloor": "0.06"}, RATES)
    assert [float(event.rate) for event in life if event.kind == "RR"] == [0.06, 0.2]
    steps = events(PLAIN | RESET | {"periodCap": "0.3", "periodFloor": "-0.02"}, RATES)
    assert [float(event.rate) for event in steps if event.kind == "RR"] == [0.1, 0.4]


def test_a_rate_may_be_observed_at_its_fixing_or_at_the_shifted_date() -> None:
    terms = PLAIN | RESET | {"cycleAnchorDateOfRateReset": "2026-08-01", "cycleOfRateReset": "P6ML1"}

    def rate(of: dict[str, str], *rows: tuple[str, str]) -> list[float]:
        data = [{"timestamp": at, "value": value} for at, value in rows]
        return [float(event.rate) for event in events(terms | of, {"R": {"data": data}}) if event.kind == "RR"]

    assert rate({"fixingDays": "P2D"}, ("2026-07-30", "0.1")) == [0.21]
    assert rate({"fixingPeriod": "P2D"}, ("2026-07-30", "0.1"), ("2026-08-01", "0.2")) == [0.41]
    shifting = {"businessDayConvention": "SCF", "calendar": "MF"}  # 1 August 2026 is a Saturday
    assert rate(shifting, ("2026-08-03", "0.1")) == [0.21]


def test_a_purchase_pays_price_and_accrued_interest_and_hides_what_was_before() -> None:
    bought = PLAIN | {"purchaseDate": "2026-05-01", "priceAtPurchaseDate": "980"}
    assert shown(events(bought))[:2] == ["2026-05-01 PRD -990 1000 10", "2026-07-01 IP 30 1000 0"]
    on_a_date = PLAIN | {"purchaseDate": "2026-04-01", "priceAtPurchaseDate": "980"}
    assert shown(events(on_a_date))[:2] == ["2026-04-01 PRD -980 1000 0", "2026-07-01 IP 30 1000 0"]
    owned = bought | {"statusDate": "2026-06-01"}
    assert shown(events(owned))[0] == "2026-07-01 IP 30 1000 0"


def test_a_termination_pays_price_and_accrued_interest_and_ends() -> None:
    ended = PLAIN | {"terminationDate": "2026-05-01T23:59:59", "priceAtTerminationDate": "1005"}
    *_, last = events(ended)
    assert (last.kind, str(last.at)) == ("TD", "2026-05-01T23:59:59")
    assert last.payoff == 1005 + Fraction(1000 * 12 * 31, 36000)
    assert (last.notional, last.accrued, last.rate) == (0, 0, Fraction("0.12"))
    assert kinds_on("2027-01-01", events(ended | {"terminationDate": "2027-01-01"})) == ["IP", "TD"]


def test_interest_is_capitalised_until_the_date_on_or_off_the_cycle() -> None:
    on = shown(events(PLAIN | {"capitalizationEndDate": "2026-07-01"}))
    assert on[1:4] == ["2026-04-01 IPCI 0 1030 0", "2026-07-01 IPCI 0 1060.9 0", "2026-10-01 IP 31.827 1060.9 0"]
    off = shown(events(PLAIN | {"capitalizationEndDate": "2026-05-01"}))
    assert off[1:4] == ["2026-04-01 IPCI 0 1030 0", "2026-05-01 IPCI 0 1040.3 0", "2026-07-01 IP 20.806 1040.3 0"]
    whole = shown(events(PLAIN | {"capitalizationEndDate": "2027-01-01"}))
    assert whole[-2:] == ["2027-01-01 IPCI 0 1125.51 0", "2027-01-01 MD 1125.51 0 0"]


def test_an_annuity_pays_one_amount_on_each_date_and_nothing_is_left() -> None:
    found = events(ANNUITY)
    assert kinds_on("2026-03-31", found) == ["PRF"]
    assert kinds_on("2026-04-01", found) == ["PR", "IP"]
    # 1000 × 1.03⁴ × 0.03 ÷ (1.03⁴ − 1), from an annuity table: 0.269027045
    paid = {str(event.at.day): Fraction(0) for event in found if event.kind == "IP"}
    for event in found:
        if event.kind in ("PR", "IP", "MD"):
            paid[str(event.at.day)] += event.payoff
    assert [float(amount) for amount in paid.values()] == pytest.approx([269.027045] * 4)


def test_a_payment_that_is_given_ends_an_annuity_when_it_has_used_up_the_notional() -> None:
    terms = ANNUITY | {"maturityDate": None, "nextPrincipalRedemptionPayment": "530"}
    assert shown(events(terms)) == [
        "2026-01-01 IED -1000 1000 0",
        "2026-04-01 PR 500 500 30",
        "2026-04-01 IP 30 500 0",
        "2026-07-01 IP 15 500 0",
        "2026-07-01 MD 500 0 0",
    ]
    with pytest.raises(Permanent, match="never use up the notional"):
        events(terms | {"nextPrincipalRedemptionPayment": "30"})


def test_an_annuity_that_runs_is_computed_over_the_dates_that_are_left() -> None:
    whole = [event for event in events(ANNUITY) if str(event.at.day) > "2026-05-01"]
    (left,) = {event.notional for event in events(ANNUITY) if str(event.at.day) == "2026-04-01" and event.kind == "IP"}
    # The terms of the one that runs have the notional of its status date, here that of the start.
    ratio = 1000 / left
    running = events(ANNUITY | {"statusDate": "2026-04-01"})
    assert [(event.at, event.kind) for event in running] == [(event.at, event.kind) for event in whole]
    assert [float(event.payoff) for event in running] == pytest.approx([float(event.payoff * ratio) for event in whole])


def test_interest_that_is_paid_before_the_first_redemption_is_not_in_the_payment() -> None:
    """A reset between two interest dates, before anything is redeemed."""
    terms = ANNUITY | RESET | {"cycleAnchorDateOfPrincipalRedemption": "2026-10-01", "cycleOfRateReset": "P1YL1"}
    found = events(terms, RATES)
    assert kinds_on("2026-07-01", found) == ["IP", "RR", "PRF"]
    assert kinds_on("2026-09-30", found) == ["PRF"]
    last = [event for event in found if str(event.at.day) in ("2026-10-01", "2027-01-01")]
    sums = [
        sum(float(event.payoff) for event in last if str(event.at.day) == day) for day in ("2026-10-01", "2027-01-01")
    ]
    assert sums[0] == pytest.approx(sums[1])
    given_payment = events(terms | {"nextPrincipalRedemptionPayment": "1"}, RATES)
    assert kinds_on("2026-09-30", given_payment) == []
    last = [event for event in given_payment if str(event.at.day) == "2027-01-01"]
    assert sum(float(event.payoff) for event in last) == pytest.approx(sums[1])


@given(st.sampled_from(["PAM", "ANN"]).flatmap(contracts))
def test_the_borrower_sees_the_mirror_of_what_the_lender_sees(terms: dict[str, str]) -> None:
    lender, borrower = (events(terms | {"contractRole": role, "accruedInterest": "1"}) for role in ("RPA", "RPL"))
    assert [
        event._replace(payoff=-event.payoff, notional=-event.notional, accrued=-event.accrued) for event in lender
    ] == borrower


@given(contracts())
def test_coupons_are_the_interest_of_the_single_days(terms: dict[str, str]) -> None:
    """Each day adds its own part of a year; where dates are not shifted, up to the day that the coupon names."""
    terms |= {"businessDayConvention": "NOS", "contractRole": "RPA"}
    read = read_terms(terms)
    at, accrued = read.start.counted, Fraction(0)
    for event in events(terms):
        for day in days(at, event.at.counted):
            accrued += read.notional * read.rate * year_fraction(day - timedelta(days=1), day, read.day_count)
        at = event.at.counted
        if event.kind == "IP":
            assert event.payoff == accrued
            accrued = Fraction(0)


@given(contracts())
def test_coupons_sum_to_the_interest_of_the_whole_time_whatever_the_cycle_and_the_shift(terms: dict[str, str]) -> None:
    read = read_terms(terms)
    assert read.maturity
    until = read.business_days.counted(read.maturity)
    interest = read.notional * read.rate * year_fraction(read.start.counted, until, read.day_count)
    paid = sum(event.payoff for event in events(terms | {"contractRole": "RPA"}) if event.kind == "IP")
    assert paid == interest


@given(contracts("ANN"))
def test_an_annuity_repays_its_notional_in_equal_payments(terms: dict[str, str]) -> None:
    found = events(terms | {"contractRole": "RPA"})
    redeemed = sum(event.payoff for event in found if event.kind in ("PR", "MD"))
    assert redeemed == Fraction(terms["notionalPrincipal"])
    last = found[-1].at
    payments = {}
    for event in found:
        if event.kind in ("PR", "IP", "MD"):
            key = last if event.at == last else event.at
            payments[key] = payments.get(key, Fraction(0)) + event.payoff
    # A first payment on the date of the last one, or two dates that a shift makes one, are one payment.
    assume(len({event.at for event in found if event.kind == "PR"}) == sum(event.kind == "PR" for event in found))
    assume(all(event.at != last for event in found if event.kind == "PR"))
    assert max(payments.values()) - min(payments.values()) < Fraction(1, 10**12)


@given(contracts(), st.integers(0, 1500))
def test_a_schedule_up_to_a_day_is_the_beginning_of_the_whole(terms: dict[str, str], number: int) -> None:
    to = date(2020, 1, 1) + timedelta(days=number)
    assert events(terms, to=to) == [event for event in events(terms) if event.at.day <= to]


@given(st.sampled_from(["PAM", "ANN"]).flatmap(contracts))
def test_what_is_paid_in_money_has_no_more_than_its_decimals(terms: dict[str, str]) -> None:
    exact, money = events(terms), events(terms, places=2)
    assert [(event.at, event.kind) for event in exact] == [(event.at, event.kind) for event in money]
    assert all((event.payoff * 100).denominator == 1 for event in money)
    if terms["contractType"] == "PAM":
        assert all(abs(one.payoff - other.payoff) <= Fraction(1, 200) for one, other in zip(exact, money, strict=True))
    assert sum(event.payoff for event in money if event.kind in ("IED", "PR", "MD")) == 0
