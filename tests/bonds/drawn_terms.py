"""Contracts that hypothesis draws, and one written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from fntx_dagster.bonds.business_days import CONVENTIONS
from fntx_dagster.bonds.day_counts import DAY_COUNTS
from fntx_dagster.bonds.observed import read_observed
from fntx_dagster.bonds.schedule import ScheduleEvent, schedule
from fntx_dagster.bonds.terms import read_terms

PLAIN = {
    "contractType": "PAM",
    "contractRole": "RPA",
    "statusDate": "2025-12-31",
    "initialExchangeDate": "2026-01-01",
    "maturityDate": "2027-01-01",
    "notionalPrincipal": "1000",
    "nominalInterestRate": "0.12",
    "dayCountConvention": "30E360",
    "cycleAnchorDateOfInterestPayment": "2026-04-01",
    "cycleOfInterestPayment": "P3ML1",
}
ANNUITY = PLAIN | {
    "contractType": "ANN",
    "cycleAnchorDateOfPrincipalRedemption": "2026-04-01",
    "cycleOfPrincipalRedemption": "P3ML1",
}


def events(terms: Mapping[str, Any], observed: Any = None, **options: Any) -> list[ScheduleEvent]:
    """The schedule of terms as they are written; a term that is None is not given."""
    return [*schedule(read_terms(terms), read_observed(observed), **options)]


def shown(found: list[ScheduleEvent]) -> list[str]:
    """Each event as a line: date, kind, payoff, and notional, accrued interest after it."""
    return [
        f"{at.day} {kind} {float(payoff):g} {float(notional):g} {float(accrued):g}"
        for at, kind, payoff, notional, _, accrued in found
    ]


@st.composite
def contracts(draw: st.DrawFn, kind: str = "PAM") -> dict[str, str]:
    """PAM or ANN with interest (and redemption) on one cycle, of every day count and shift."""
    start = draw(st.dates(date(2019, 12, 1), date(2024, 3, 31)))
    anchor = start + timedelta(days=draw(st.integers(1, 200)))
    end = anchor + timedelta(days=draw(st.integers(1, 1500)))
    period = draw(st.sampled_from(["P1M", "P2M", "P1Q", "P1H", "P1Y", "P45D", "P6W"])) + draw(
        st.sampled_from(["L0", "L1"])
    )
    terms = {
        "contractType": kind,
        "contractRole": draw(st.sampled_from(["RPA", "RPL"])),
        "statusDate": "2019-11-30T00:00:00",
        "initialExchangeDate": start.isoformat(),
        "maturityDate": f"{end}T{draw(st.sampled_from(['00:00:00', '23:59:59']))}",
        "notionalPrincipal": draw(st.sampled_from(["1000", "1234567.89", "0.01"])),
        "nominalInterestRate": draw(st.sampled_from(["0", "0.05", "0.0333", "0.9", "-0.01"])),
        "dayCountConvention": draw(st.sampled_from([*DAY_COUNTS])),
        "businessDayConvention": draw(st.sampled_from(CONVENTIONS)),
        "calendar": draw(st.sampled_from(["MF", "NC"])),
        "endOfMonthConvention": draw(st.sampled_from(["SD", "EOM"])),
        "cycleAnchorDateOfInterestPayment": anchor.isoformat(),
        "cycleOfInterestPayment": period,
    }
    if kind == "ANN":
        terms["cycleAnchorDateOfPrincipalRedemption"] = terms["cycleAnchorDateOfInterestPayment"]
        terms["cycleOfPrincipalRedemption"] = period
    return terms


def days(start: date, end: date) -> Iterator[date]:
    """Each day after `start`, up to `end`."""
    while start < end:
        start += timedelta(days=1)
        yield start
