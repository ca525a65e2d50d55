"""Which event of a contract is on which date: everything about its schedule that no amount decides."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from fntx_dagster.bonds import cycles
from fntx_dagster.bonds.moments import Moment
from fntx_dagster.bonds.terms import ActusTerms, Repeating
from fntx_dagster.errors import Permanent

ORDER = ("IED", "PR", "IP", "IPCI", "RRF", "RR", "PRF", "PRD", "TD", "MD")
"""The events of one date happen in this order."""
_RANKS = {kind: rank for rank, kind in enumerate(ORDER)}


class PlannedEvent(NamedTuple):
    """An event to come. `at`: when it happens, after any shift; `counted`: the day up to which its interest is
    counted; `scheduled`: its date before the shift. Steps sort in the order in which they happen."""

    at: Moment
    rank: int
    counted: date
    scheduled: Moment

    @property
    def kind(self) -> str:
        return ORDER[self.rank]


def plan(terms: ActusTerms, end: Moment) -> list[PlannedEvent]:
    """All steps of a contract that ends on `end`, in order, from the initial exchange on; those up to the status date
    too. Permanent for a cycle of too many dates."""
    steps = [_as_is(terms.start, "IED"), *interest_steps(terms, end), _shifted(terms, end, "MD")]
    steps += reset_steps(terms, end)
    if terms.contract_type == "ANN":
        redemptions = [_shifted(terms, at, "PR") for at in redemption_dates(terms, end, with_end=False)]
        steps += redemptions + _fixings(terms, redemptions, steps)
    if terms.purchase:
        steps.append(_as_is(terms.purchase, "PRD"))
    if terms.termination:
        steps.append(_as_is(terms.termination, "TD"))
    return sorted(step for step in steps if step.at >= terms.start)


def interest_steps(terms: ActusTerms, end: Moment) -> list[PlannedEvent]:
    """IP on the interest dates and at the end. Before the capitalization end date, and on it, IPCI instead."""
    source = terms.interest
    if source is None and terms.contract_type == "ANN":
        source = terms.redemption  # what pays interest and principal in one amount pays them on the same dates
    due = _dates(terms, source, end, with_end=True) if source else [end]
    until = terms.capitalized_until
    if until is None:
        return [_shifted(terms, at, "IP") for at in due]
    added = [*(at for at in due if at < until and source), until]
    return [_shifted(terms, at, "IPCI") for at in added] + [_shifted(terms, at, "IP") for at in due if at > until]


def reset_steps(terms: ActusTerms, end: Moment) -> list[PlannedEvent]:
    """RR on the reset dates before the end; the first after the status date is RRF where its rate is known."""
    if terms.reset is None:
        return []
    steps = [_shifted(terms, at, "RR") for at in _dates(terms, terms.reset, end, with_end=False)]
    if terms.next_rate is None:
        return steps
    first = min((step for step in steps if step.at > terms.status), default=None)
    return [step._replace(rank=_RANKS["RRF"]) if step == first else step for step in steps]


def redemption_dates(terms: ActusTerms, end: Moment, *, with_end: bool) -> list[Moment]:
    """The dates on which an annuity redeems up to `end`, before any shift."""
    return _dates(terms, terms.redemption, end, with_end=with_end) if terms.redemption else []


def _fixings(terms: ActusTerms, redemptions: list[PlannedEvent], steps: list[PlannedEvent]) -> list[PlannedEvent]:
    """PRF: a day before the first redemption where no payment is given, and at each reset of the rate."""
    resets = [step._replace(rank=_RANKS["PRF"]) for step in steps if step.kind in ("RR", "RRF")]
    if terms.payment is not None or not redemptions:
        return resets
    before = Moment(min(redemptions).at.day - timedelta(days=1), min(redemptions).at.closes)
    return [_as_is(before, "PRF"), *resets]


def _dates(terms: ActusTerms, source: Repeating, end: Moment, *, with_end: bool) -> list[Moment]:
    try:
        return cycles.dates(
            source.anchor or terms.start,
            source.cycle,
            end,
            with_end=with_end,
            at_month_ends=terms.at_month_ends,
            first=0 if source.anchor else 1,
        )
    except (OverflowError, ValueError) as error:
        raise Permanent(f"the dates up to {end}: {error}", "Write a longer cycle, or an earlier end") from None


def _shifted(terms: ActusTerms, at: Moment, kind: str) -> PlannedEvent:
    days = terms.business_days
    return PlannedEvent(days.paid(at), _RANKS[kind], days.counted(at), at)


def _as_is(at: Moment, kind: str) -> PlannedEvent:
    return PlannedEvent(at, _RANKS[kind], at.counted, at)
