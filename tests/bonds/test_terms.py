"""Terms are read as they are written, and every fault is reported with the way out."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest

from fntx_dagster.bonds.moments import Moment
from fntx_dagster.bonds.terms import TermsRefused, read_terms
from tests.bonds.drawn_terms import ANNUITY, PLAIN


def faults(terms: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(TermsRefused) as refused:
        read_terms(terms)
    return dict(refused.value.faults)


def test_a_number_is_what_is_written_as_text_or_as_a_number() -> None:
    for value in ("  0.1 ", 0.1, "1e-1", ".1"):
        assert read_terms(PLAIN | {"nominalInterestRate": value}).rate == Fraction(1, 10)
    assert read_terms(PLAIN | {"notionalPrincipal": 3000}).notional == 3000


def test_what_is_not_given_has_its_default() -> None:
    terms = read_terms(PLAIN | {"rateSpread": None, "calendar": "  "})
    assert (terms.premium, terms.spread, terms.multiplier, terms.accrued) == (0, 0, 1, None)
    assert (terms.business_days.calendar, terms.business_days.shifts, terms.at_month_ends) == ("NC", False, False)
    assert terms.maturity == Moment(date(2027, 1, 1))


def test_all_faults_are_reported_at_once() -> None:
    found = faults(
        PLAIN
        | {"notionalPrincipal": "-5", "maturityDate": "2027-02-30", "contractRole": "LG", "cycleOfIntrest": "P1ML0"}
        | {"dayCountConvention": ""}
    )
    assert found == {
        "notionalPrincipal": "'-5': it is not above 0",
        "maturityDate": "'2027-02-30': day is out of range for month",
        "contractRole": "'LG': it is none of RPA, RPL",
        "cycleOfIntrest": "no such term: check its spelling, or leave it out",
        "dayCountConvention": "it is missing",
    }


@pytest.mark.parametrize(
    ("term", "value", "message"),
    [
        ("notionalPrincipal", True, "True: it is not a number"),
        ("notionalPrincipal", "NaN", "'NaN': it is not a number"),
        ("notionalPrincipal", "1e31", "'1e31': it is not below 1e30"),
        ("notionalPrincipal", "1" * 200, f"'{'1' * 79}…: it is not a number"),
        ("notionalPrincipal", "1_000", "'1_000': it is not a number"),
        ("nominalInterestRate", "-1", "'-1': a rate lies above -1"),
        ("nominalInterestRate", [], "[]: it is not a number"),
        ("maturityDate", 20270101, "20270101: it is not a text"),
        ("fixingDays", "2 days", "'2 days': it is not a number of days"),
        ("marketObjectCodeOfRateReset", "x" * 201, "it is not a text of 1 to 200"),
        ("feeRate", "0.1", "'0.1': this term is not computed: leave it out, or write 0"),
        ("scalingEffect", "INO", "'INO': this term is not computed: leave it out, or write 000, OOO"),
        ("calendar", "TARGET", "'TARGET': it is none of NC, MF"),
        ("priceAtPurchaseDate", "-1", "'-1': it is below 0"),
    ],
)
def test_a_value_that_is_no_value_of_its_term_is_refused(term: str, value: Any, message: str) -> None:
    found = faults(PLAIN | {term: value})
    assert [*found] == [term]
    assert message in found[term]


@pytest.mark.parametrize(
    ("terms", "fault"),
    [
        (PLAIN | {"maturityDate": None}, ("maturityDate", "it is missing: a PAM contract repays on it")),
        (
            PLAIN | {"maturityDate": "2026-01-01"},
            ("maturityDate", "2026-01-01T00:00 is not after initialExchangeDate 2026-01-01T00:00"),
        ),
        (PLAIN | {"purchaseDate": "2026-02-01"}, ("priceAtPurchaseDate", "it is missing: purchaseDate needs it")),
        (
            PLAIN | {"terminationDate": "2026-02-01"},
            ("priceAtTerminationDate", "it is missing: terminationDate needs it"),
        ),
        (
            PLAIN | {"cycleOfPrincipalRedemption": "P1ML0"},
            ("cycleOfPrincipalRedemption", "not a term of PAM: leave it out"),
        ),
        (
            PLAIN | {"capitalizationEndDate": "2028-01-01"},
            ("capitalizationEndDate", "2028-01-01T00:00 is after maturityDate 2027-01-01T00:00"),
        ),
        (
            ANNUITY | {"cycleOfPrincipalRedemption": None, "cycleAnchorDateOfPrincipalRedemption": None},
            ("cycleOfPrincipalRedemption", "it is missing: an annuity repays in a cycle"),
        ),
        (
            ANNUITY | {"maturityDate": None},
            ("maturityDate", "give it, or amortizationDate, or nextPrincipalRedemptionPayment"),
        ),
    ],
)
def test_terms_that_do_not_agree_are_refused(terms: dict[str, Any], fault: tuple[str, str]) -> None:
    assert [*faults(terms).items()] == [fault]


def test_what_describes_a_contract_or_has_no_effect_is_taken() -> None:
    without = read_terms(PLAIN)
    assert (
        read_terms(PLAIN | {"contractID": "a", "currency": "USD", "feeRate": "0.0", "scalingEffect": "000"}) == without
    )
    no_option = {"prepaymentEffect": "N", "prepaymentPeriod": "P1ML1", "optionExerciseEndDate": "2030-01-01"}
    assert read_terms(PLAIN | no_option | {"maximumPenaltyFreeDisbursement": "0", "xDayNotice": "P1D"}) == without
