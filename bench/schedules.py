"""How long the schedules of 1,000 bonds over 30 years take, beside nothing but the arithmetic of their dates:
`python bench/schedules.py`. Bonds with coupons twice a year, and annuities with monthly payments."""

from __future__ import annotations

from datetime import date
from statistics import median

from measuring import Measurement, shown, timed

from fntx_dagster.bonds.cycles import Cycle, dates
from fntx_dagster.bonds.moments import Moment
from fntx_dagster.bonds.schedule import schedule
from fntx_dagster.bonds.terms import read_terms

BONDS, YEARS = 1_000, 30
_START = date(2026, 1, 15)


def measure() -> list[Measurement]:
    """The figures of both kinds, and the limits of 5 and 60 seconds."""
    return [
        _measured("bonds, 60 coupons each", "PAM", "P6ML1", "5 s at most"),
        _measured("annuities, 360 payments each", "ANN", "P1ML1", "60 s at most"),
    ]


def _measured(what: str, kind: str, cycle: str, limit: str) -> Measurement:
    contracts = [_terms(number, kind, cycle) for number in range(BONDS)]
    every = Cycle(int(cycle[1]), cycle[2], False)
    ends = Moment(_START.replace(year=_START.year + YEARS))

    def ours() -> None:
        for terms in contracts:
            for _ in schedule(read_terms(terms), {}):
                pass

    def dates_alone() -> None:
        for _ in range(BONDS):
            dates(Moment(_START), every, ends, with_end=True)

    took = median(timed(ours) for _ in range(3 if kind == "PAM" else 1))
    arithmetic = median(timed(dates_alone) for _ in range(3))
    return Measurement(
        f"schedules of {BONDS:,} {what}, {YEARS} years",
        f"{took:.2f} s",
        f"their dates alone {arithmetic:.2f} s",
        f"{took / arithmetic:.1f}",
        limit,
    )


def _terms(number: int, kind: str, cycle: str) -> dict[str, str]:
    terms = {
        "contractType": kind,
        "contractRole": "RPL",
        "statusDate": "2026-01-01",
        "initialExchangeDate": _START.isoformat(),
        "maturityDate": _START.replace(year=_START.year + YEARS).isoformat(),
        "notionalPrincipal": str(1_000_000 + number),
        "nominalInterestRate": f"0.0{400 + number % 500}",
        "dayCountConvention": ("30E360", "A360", "A365", "AA")[number % 4],
        "businessDayConvention": "SCMF",
        "calendar": "MF",
        "cycleOfInterestPayment": cycle,
    }
    return terms | ({"cycleOfPrincipalRedemption": cycle} if kind == "ANN" else {})


if __name__ == "__main__":
    shown(measure())
