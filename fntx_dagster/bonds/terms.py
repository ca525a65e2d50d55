"""The terms of a contract as ACTUS names them, read strictly: every fault is reported, with its value and the way out.

Names and values: https://www.actusfrf.org/dictionary. Contract types PAM (principal at maturity) and ANN (annuity).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.bonds import term_values as read
from fntx_dagster.bonds.business_days import CONVENTIONS, BusinessDays, business_days
from fntx_dagster.bonds.cycles import Cycle
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.bonds.moments import Moment
from fntx_dagster.errors import Permanent

_LONGEST = 80
_MOST_SHOWN = 20


class Repeating(NamedTuple):
    """The dates of one kind of event: an anchor, and a cycle from it. Without an anchor the first date is one period
    after the initial exchange; without a cycle the anchor is the only date."""

    anchor: Moment | None
    cycle: Cycle | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActusTerms:
    """What a contract says. Rates are a year's, 0.05 for 5 %; amounts are without a sign: `lends` gives it. None: the
    term is not given."""

    contract_type: str
    lends: bool
    """Role RPA: it pays the notional out and receives; RPL is the mirror."""
    status: Moment
    """Events up to it have happened; notional, rate and accrued interest are those of this time."""
    start: Moment
    """The initial exchange date."""
    notional: Fraction
    rate: Fraction
    day_count: str
    business_days: BusinessDays
    at_month_ends: bool
    premium: Fraction
    accrued: Fraction | None
    maturity: Moment | None
    amortization: Moment | None
    payment: Fraction | None
    """What an annuity pays on each redemption date, interest and principal; None: it is computed."""
    interest: Repeating | None
    capitalized_until: Moment | None
    redemption: Repeating | None
    reset: Repeating | None
    next_rate: Fraction | None
    market: str | None
    spread: Fraction
    multiplier: Fraction
    fixing_days: int
    rate_floor: Fraction | None
    rate_cap: Fraction | None
    step_floor: Fraction | None
    step_cap: Fraction | None
    purchase: Moment | None
    purchase_price: Fraction
    termination: Moment | None
    termination_price: Fraction


class TermFault(NamedTuple):
    """What is wrong with one term, and the way out."""

    term: str
    message: str


class TermsRefused(Permanent):
    """The terms make no contract. `faults` are all that were found."""

    def __init__(self, faults: list[TermFault]) -> None:
        self.faults = faults
        shown = "; ".join(f"{fault.term}: {fault.message}" for fault in faults[:_MOST_SHOWN])
        more = len(faults) - _MOST_SHOWN
        super().__init__(shown + (f"; and {more} more" if more > 0 else ""), "Correct the terms")


def read_terms(raw: Mapping[str, Any]) -> ActusTerms:
    """The terms of a PAM or ANN contract. A term that is null or an empty text is not given. Raises TermsRefused."""
    faults: list[TermFault] = []
    given: dict[str, Any] = {}
    for name, value in raw.items():
        if value is None or (isinstance(value, str) and not value.strip()):
            continue
        if (reader := _READERS.get(name)) is None:
            if name not in _DESCRIBING:
                faults.append(TermFault(name[:_LONGEST], "no such term: check its spelling, or leave it out"))
            continue
        try:
            given[name] = reader(value)
        except ValueError as error:
            faults.append(TermFault(name, f"{_shown(value)}: {error}"))
    faulty = {fault.term for fault in faults}
    faults += [TermFault(name, "it is missing") for name in _NEEDED if name not in given and name not in faulty]
    if not faults:
        faults += _disagreements(given)
    if faults:
        raise TermsRefused(faults)
    return _terms(given)


def _terms(given: Mapping[str, Any]) -> ActusTerms:
    zero = Fraction(0)
    return ActusTerms(
        contract_type=given["contractType"],
        lends=given["contractRole"] == "RPA",
        status=given["statusDate"],
        start=given["initialExchangeDate"],
        notional=given["notionalPrincipal"],
        rate=given["nominalInterestRate"],
        day_count=given["dayCountConvention"],
        business_days=business_days(given.get("businessDayConvention"), given.get("calendar")),
        at_month_ends=given.get("endOfMonthConvention") == "EOM",
        premium=given.get("premiumDiscountAtIED", zero),
        accrued=given.get("accruedInterest"),
        maturity=given.get("maturityDate"),
        amortization=given.get("amortizationDate"),
        payment=given.get("nextPrincipalRedemptionPayment"),
        interest=_repeating(given, "InterestPayment"),
        capitalized_until=given.get("capitalizationEndDate"),
        redemption=_repeating(given, "PrincipalRedemption"),
        reset=_repeating(given, "RateReset"),
        next_rate=given.get("nextResetRate"),
        market=given.get("marketObjectCodeOfRateReset"),
        spread=given.get("rateSpread", zero),
        multiplier=given.get("rateMultiplier", Fraction(1)),
        fixing_days=given.get("fixingDays", given.get("fixingPeriod", 0)),
        rate_floor=given.get("lifeFloor"),
        rate_cap=given.get("lifeCap"),
        step_floor=given.get("periodFloor"),
        step_cap=given.get("periodCap"),
        purchase=given.get("purchaseDate"),
        purchase_price=given.get("priceAtPurchaseDate", zero),
        termination=given.get("terminationDate"),
        termination_price=given.get("priceAtTerminationDate", zero),
    )


def _repeating(given: Mapping[str, Any], what: str) -> Repeating | None:
    found = Repeating(given.get(f"cycleAnchorDateOf{what}"), given.get(f"cycleOf{what}"))
    return found if any(found) else None


def _disagreements(given: Mapping[str, Any]) -> list[TermFault]:
    """What is wrong with terms that are right one by one."""
    annuity = given["contractType"] == "ANN"
    wrong = [
        TermFault(later, f"{given[later]} is not after {earlier} {given[earlier]}")
        for earlier, later in _ORDER
        if earlier in given and later in given and given[later] <= given[earlier]
    ]
    wrong += [
        TermFault(price, f"it is missing: {day} needs it")
        for day, price in (("purchaseDate", "priceAtPurchaseDate"), ("terminationDate", "priceAtTerminationDate"))
        if day in given and price not in given
    ]
    end = next((name for name in _ENDS if name in given), None)
    if end and given.get("capitalizationEndDate", given[end]) > given[end]:
        wrong.append(
            TermFault("capitalizationEndDate", f"{given['capitalizationEndDate']} is after {end} {given[end]}")
        )
    if annuity:
        if not _repeating(given, "PrincipalRedemption"):
            wrong.append(TermFault("cycleOfPrincipalRedemption", "it is missing: an annuity repays in a cycle"))
        if not given.keys() & {"maturityDate", "amortizationDate", "nextPrincipalRedemptionPayment"}:
            wrong.append(TermFault("maturityDate", "give it, or amortizationDate, or nextPrincipalRedemptionPayment"))
    else:
        if "maturityDate" not in given:
            wrong.append(TermFault("maturityDate", "it is missing: a PAM contract repays on it"))
        wrong += [TermFault(name, "not a term of PAM: leave it out") for name in _ANNUITY_ALONE if name in given]
    return wrong


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_ORDER = (
    ("initialExchangeDate", "maturityDate"),
    ("initialExchangeDate", "amortizationDate"),
    ("initialExchangeDate", "purchaseDate"),
    ("initialExchangeDate", "terminationDate"),
    ("purchaseDate", "terminationDate"),
)
_ENDS = ("maturityDate", "amortizationDate")
_ANNUITY_ALONE = (
    "amortizationDate",
    "cycleAnchorDateOfPrincipalRedemption",
    "cycleOfPrincipalRedemption",
    "nextPrincipalRedemptionPayment",
)
_NEEDED = (
    "contractType",
    "contractRole",
    "statusDate",
    "initialExchangeDate",
    "notionalPrincipal",
    "nominalInterestRate",
    "dayCountConvention",
)
_READERS: dict[str, read.Read] = {
    "contractType": read.one_of("PAM", "ANN"),
    "contractRole": read.one_of("RPA", "RPL"),
    "statusDate": read.moment,
    "initialExchangeDate": read.moment,
    "maturityDate": read.moment,
    "amortizationDate": read.moment,
    "notionalPrincipal": read.above_zero,
    "nominalInterestRate": read.rate,
    "dayCountConvention": read.one_of(*DAY_COUNTS),
    "businessDayConvention": read.one_of(*CONVENTIONS),
    "calendar": read.calendar,
    "endOfMonthConvention": read.one_of("SD", "EOM"),
    "premiumDiscountAtIED": read.number,
    "accruedInterest": read.number,
    "cycleAnchorDateOfInterestPayment": read.moment,
    "cycleOfInterestPayment": read.cycle,
    "capitalizationEndDate": read.moment,
    "cycleAnchorDateOfPrincipalRedemption": read.moment,
    "cycleOfPrincipalRedemption": read.cycle,
    "nextPrincipalRedemptionPayment": read.above_zero,
    "cycleAnchorDateOfRateReset": read.moment,
    "cycleOfRateReset": read.cycle,
    "nextResetRate": read.rate,
    "marketObjectCodeOfRateReset": read.code,
    "rateSpread": read.number,
    "rateMultiplier": read.number,
    "fixingDays": read.days,
    "fixingPeriod": read.days,
    "lifeFloor": read.rate,
    "lifeCap": read.rate,
    "periodFloor": read.rate,
    "periodCap": read.rate,
    "purchaseDate": read.moment,
    "priceAtPurchaseDate": read.not_below_zero,
    "terminationDate": read.moment,
    "priceAtTerminationDate": read.not_below_zero,
    # What would change the amounts, and is not computed.
    "feeRate": read.only(0),
    "feeAccrued": read.only(0),
    "scalingEffect": read.only("000", "OOO"),
    "prepaymentEffect": read.only("N"),
    "penaltyType": read.only("N"),
    "penaltyRate": read.only(0),
    "interestCalculationBase": read.only("NT"),
    "cyclePointOfInterestPayment": read.only("E"),
    "cyclePointOfRateReset": read.only("B"),
    "contractPerformance": read.only("PF"),
}
_DESCRIBING = frozenset(
    {
        "contractID",
        "contractDealDate",
        "contractStatus",
        "counterpartyID",
        "counterpartyLegalEntityID",
        "creatorID",
        "legalEntityIDCounterparty",
        "legalEntityIDRecordCreator",
        "currency",
        "settlementCurrency",
        "marketObjectCode",
        "marketValueObserved",
        "seniority",
        "clearingHouse",
        "contractReferences",
        "guaranteedExposure",
        # They say how something works that is refused above: without it they have no effect.
        "feeBasis",
        "cycleAnchorDateOfFee",
        "cycleOfFee",
        "cycleAnchorDateOfScalingIndex",
        "cycleOfScalingIndex",
        "marketObjectCodeOfScalingIndex",
        "scalingIndexAtContractDealDate",
        "scalingIndexAtStatusDate",
        "notionalScalingMultiplier",
        "interestScalingMultiplier",
        "cycleAnchorDateOfOptionality",
        "cycleOfOptionality",
        "objectCodeOfPrepaymentModel",
        "prepaymentPeriod",
        "optionExerciseEndDate",
        "maximumPenaltyFreeDisbursement",
        "cycleAnchorDateOfInterestCalculationBase",
        "cycleOfInterestCalculationBase",
        "interestCalculationBaseAmount",
        # When a payment is late, or settles, is not a schedule's question.
        "gracePeriod",
        "delinquencyPeriod",
        "delinquencyRate",
        "nonPerformingDate",
        "settlementPeriod",
        "xDayNotice",
    }
)
"""Terms that change no event of a schedule."""
