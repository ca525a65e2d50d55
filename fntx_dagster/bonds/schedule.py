"""The events of a contract, with what each pays and the state that it leaves: PAM and ANN of ACTUS.

Source: ACTUS Technical Specification v1.1, state transition and payoff functions. Amounts are exact fractions; where
they would grow without end (redemptions, capitalised interest) they are rounded to 1e-40. Given `places`, what is paid
is rounded to that many decimals, half-even, and what follows is computed from the rounded amounts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from fntx_dagster.bonds.annuity import annuity_payment
from fntx_dagster.bonds.cycles import after
from fntx_dagster.bonds.day_counts import year_fraction
from fntx_dagster.bonds.moments import Moment
from fntx_dagster.bonds.observed import Observed
from fntx_dagster.bonds.plan import PlannedEvent, interest_steps, plan, redemption_dates
from fntx_dagster.bonds.terms import ActusTerms
from fntx_dagster.errors import Permanent

_FINEST = 10**40
_FIRST_TRIAL, _LONGEST_TRIAL = 128, 16_384


class ScheduleEvent(NamedTuple):
    """One event: what the contract's holder gets (below zero: pays), and notional, rate a year and accrued interest
    after it. Amounts of the role RPL are those of RPA with the other sign."""

    at: Moment
    kind: str
    payoff: Fraction
    notional: Fraction
    rate: Fraction
    accrued: Fraction


def schedule(
    terms: ActusTerms, observed: Observed, to: date | None = None, places: int | None = None
) -> Iterator[ScheduleEvent]:
    """The events after the status date up to the end of the day `to`, in order. Permanent for a reset whose rate was
    not observed, and for an annuity whose payments never use up its notional."""
    end = terms.maturity or terms.amortization or _used_up_on(terms, places)
    found = _Contract(terms, observed, end, plan(terms, end), places).events(to)
    if terms.lends:
        return found
    return (event._replace(payoff=-event.payoff, notional=-event.notional, accrued=-event.accrued) for event in found)


def _used_up_on(terms: ActusTerms, places: int | None) -> Moment:
    """The date at which the given payments have used up the notional, as the rate is at the start. Permanent where
    they never do."""
    source = terms.redemption
    assert source is not None  # what makes an annuity, as its terms were read
    dates = _FIRST_TRIAL
    while source.cycle and dates <= _LONGEST_TRIAL:
        try:
            end = Moment(after((source.anchor or terms.start).day, source.cycle, dates))
        except OverflowError:
            break
        steps = [step for step in plan(terms, end) if step.kind in ("IED", "PR", "IP", "IPCI", "MD")]
        contract = _Contract(terms, {}, end, steps, places)
        for event in contract.events(None):
            if event.kind == "PR" and event.notional == 0:
                return contract.scheduled
        dates *= 2
    raise Permanent(
        "the payments never use up the notional",
        "Raise nextPrincipalRedemptionPayment, or give maturityDate or amortizationDate",
    )


@dataclass(slots=True)
class _State:
    notional: Fraction
    rate: Fraction
    accrued: Fraction
    counted: date


class _Contract:
    """A contract on its way through its steps, as the lender sees it."""

    def __init__(
        self, terms: ActusTerms, observed: Observed, end: Moment, steps: Sequence[PlannedEvent], places: int | None
    ) -> None:
        self._terms = terms
        self._observed = observed
        self._end = end
        self._steps = steps
        self._places = places
        self._payment = terms.payment
        self._state = _State(Fraction(0), Fraction(0), Fraction(0), terms.start.counted)
        self._redemptions: list[tuple[Moment, date]] | None = None
        self.scheduled = terms.start
        """The date of the last step, before any shift."""

    def events(self, to: date | None) -> Iterator[ScheduleEvent]:
        terms = self._terms
        if terms.start <= terms.status:
            self._is_running()
        shown = terms.purchase is None or terms.purchase <= terms.status
        for step in self._steps:
            if step.at <= terms.status:
                continue
            if to is not None and step.at.day > to:
                return
            self.scheduled = step.scheduled
            payoff = self._taken(step)
            shown = shown or step.kind == "PRD"
            if shown:
                state = self._state
                yield ScheduleEvent(step.at, step.kind, payoff, state.notional, state.rate, state.accrued)
            if step.kind in ("TD", "MD"):
                return

    def _taken(self, step: PlannedEvent) -> Fraction:
        """The payoff of a step; the state moves on."""
        if step.kind == "IED":
            return self._exchanged()
        self._accrue(step.counted)
        return _PAYOFFS[step.kind](self, step)

    def _accrue(self, until: date) -> None:
        state = self._state
        state.accrued += self._interest(state.counted, until)
        state.counted = until

    def _interest(self, start: date, end: date) -> Fraction:
        state = self._state
        return state.notional * state.rate * year_fraction(start, end, self._terms.day_count)

    def _exchanged(self) -> Fraction:
        terms, state = self._terms, self._state
        state.notional, state.rate, state.counted = terms.notional, terms.rate, terms.start.counted
        anchor = terms.interest.anchor if terms.interest else None
        if terms.accrued is not None:
            state.accrued = terms.accrued
        elif anchor and anchor < terms.start:
            state.accrued = self._interest(terms.business_days.counted(anchor), state.counted)
        self._fix_at_the_start(bisect_left, terms.start)
        return -(terms.notional + terms.premium)

    def _is_running(self) -> None:
        """Take the state of a contract that began before the status date."""
        terms, state = self._terms, self._state
        state.notional, state.rate = terms.notional, terms.rate
        state.counted = terms.status.counted
        if terms.accrued is not None:
            state.accrued = terms.accrued
        else:
            # Dates before the start count too: a buyer of a running coupon takes over what has accrued of it.
            paid = [step.counted for step in interest_steps(terms, self._end) if step.at <= terms.status]
            since = max(paid, default=terms.start.counted)
            state.accrued = self._interest(since, state.counted)
        self._fix_at_the_start(bisect_right, terms.status)

    def _fix_at_the_start(self, bisect: Callable[..., int], now: Moment) -> None:
        """Compute the payment where the day for it, one before the first redemption, has passed."""
        if self._terms.contract_type == "ANN" and self._payment is None:
            dates = self._dates_of_redemption()
            first = next((step for step in self._steps if step.kind == "PRF"), None)
            if first is None or first.at <= self._terms.status or first.at >= dates[0][0]:
                self._fix(bisect(dates, now, key=lambda row: row[0]))

    def _interest_paid(self, step: PlannedEvent) -> Fraction:
        paid, self._state.accrued = self._settled(self._state.accrued), Fraction(0)
        return paid

    def _capitalised(self, step: PlannedEvent) -> Fraction:
        state = self._state
        state.notional = _bounded(state.notional + self._settled(state.accrued))
        state.accrued = Fraction(0)
        return Fraction(0)

    def _redeemed(self, step: PlannedEvent) -> Fraction:
        state = self._state
        assert self._payment is not None  # it was given, or fixed before the first redemption
        paid = min(state.notional, _bounded(self._payment - self._settled(state.accrued)))
        state.notional -= paid
        return paid

    def _reset(self, step: PlannedEvent) -> Fraction:
        terms, rate = self._terms, self._state.rate
        new = self._observed_for(step) * terms.multiplier + terms.spread
        change = _between(new - rate, terms.step_floor, terms.step_cap)
        self._state.rate = _between(rate + change, terms.rate_floor, terms.rate_cap)
        return Fraction(0)

    def _reset_as_fixed(self, step: PlannedEvent) -> Fraction:
        assert self._terms.next_rate is not None  # what makes a step RRF
        self._state.rate = self._terms.next_rate
        return Fraction(0)

    def _observed_for(self, step: PlannedEvent) -> Fraction:
        """The value of the market at a reset: of its date, of the date that it is shifted to, or of its fixing."""
        code = self._terms.market
        if code is None:
            raise Permanent("marketObjectCodeOfRateReset is missing", f"Name the rate that is observed at {step.at}")
        values = self._observed.get(code, {})
        fixing = Moment(date.fromordinal(step.scheduled.day.toordinal() - self._terms.fixing_days))
        for at in (step.scheduled, step.at, fixing):
            if at in values:
                return values[at]
        raise Permanent(
            f"observed has no value of {code[:80]} at {step.scheduled}", "Add it, or end the schedule before"
        )

    def _fixed(self, step: PlannedEvent) -> Fraction:
        self._fix(bisect_right(self._dates_of_redemption(), step.at, key=lambda row: row[0]))
        return Fraction(0)

    def _bought(self, step: PlannedEvent) -> Fraction:
        return -(self._terms.purchase_price + self._settled(self._state.accrued))

    def _terminated(self, step: PlannedEvent) -> Fraction:
        paid = self._terms.termination_price + self._settled(self._state.accrued)
        self._state.notional = self._state.accrued = Fraction(0)
        return paid

    def _matured(self, step: PlannedEvent) -> Fraction:
        paid = self._state.notional
        self._state.notional = self._state.accrued = Fraction(0)
        return paid

    def _fix(self, first: int) -> None:
        """Compute the payment over the redemption dates from the one numbered `first`."""
        dates = self._dates_of_redemption()[first:]
        if not dates:
            return
        counted = [row[1] for row in dates]
        years = [year_fraction(start, end, self._terms.day_count) for start, end in pairwise(counted)]
        payment = annuity_payment(self._owed_on(*dates[0]), self._state.rate, years)
        self._payment = self._settled(payment) if self._places is not None else _bounded(payment)

    def _owed_on(self, at: Moment, counted: date) -> Fraction:
        """Notional and accrued interest on a redemption date, after the interest that is paid or capitalised before."""
        state = self._state
        notional, accrued, since = state.notional, state.accrued, state.counted
        for step in self._steps:
            if step.kind in ("IP", "IPCI") and since < step.counted and step.at < at and step.at > self._terms.status:
                accrued += notional * state.rate * year_fraction(since, step.counted, self._terms.day_count)
                notional += self._settled(accrued) if step.kind == "IPCI" else 0
                accrued, since = Fraction(0), step.counted
        return notional + accrued + notional * state.rate * year_fraction(since, counted, self._terms.day_count)

    def _dates_of_redemption(self) -> list[tuple[Moment, date]]:
        """The dates over which an annuity is computed, the last included: when each is paid, and counted to."""
        if self._redemptions is None:
            terms, days = self._terms, self._terms.business_days
            over = redemption_dates(terms, terms.amortization or self._end, with_end=True)
            self._redemptions = [(days.paid(at), days.counted(at)) for at in over if days.paid(at) >= terms.start]
        return self._redemptions

    def _settled(self, amount: Fraction) -> Fraction:
        """An amount as it is paid."""
        if self._places is None:
            return amount
        return Fraction(round(amount * 10**self._places), 10**self._places)


def _bounded(amount: Fraction) -> Fraction:
    return amount if amount.denominator <= _FINEST else Fraction(round(amount * _FINEST), _FINEST)


def _between(value: Fraction, least: Fraction | None, most: Fraction | None) -> Fraction:
    value = value if least is None else max(value, least)
    return value if most is None else min(value, most)


_PAYOFFS: dict[str, Callable[[_Contract, PlannedEvent], Fraction]] = {
    "IP": _Contract._interest_paid,
    "IPCI": _Contract._capitalised,
    "PR": _Contract._redeemed,
    "RR": _Contract._reset,
    "RRF": _Contract._reset_as_fixed,
    "PRF": _Contract._fixed,
    "PRD": _Contract._bought,
    "TD": _Contract._terminated,
    "MD": _Contract._matured,
}
