"""The dates of a cycle: counted from its anchor, with the stub at its end.

ACTUS writes a cycle `P3ML1`: a period, its unit (D, W, M, Q, H, Y), and the stub: L1 short, L0 long.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

from fntx_dagster.bonds.moments import Moment

MOST_DATES = 50_000
"""More than a date a day over 130 years is a mistake."""
_WRITTEN = re.compile(r"P([1-9]\d{0,3})([DWMQHY])L([01])", re.ASCII).fullmatch
_DAYS = {"D": 1, "W": 7}
_MONTHS = {"M": 1, "Q": 3, "H": 6, "Y": 12}


class Cycle(NamedTuple):
    """A date each `every` units. `long_stub`: a rest at the end makes the last period longer; it is none itself."""

    every: int
    unit: str
    long_stub: bool


def read_cycle(text: str) -> Cycle:
    """The cycle that `P3ML1` writes. ValueError for anything else."""
    if not (written := _WRITTEN(text)):
        raise ValueError("it is not P, a number, a unit of D W M Q H Y, and L0 (long) or L1 (short last period)")
    return Cycle(int(written[1]), written[2], written[3] == "0")


def after(anchor: date, cycle: Cycle, number: int, at_month_ends: bool = False) -> date:
    """The anchor and `number` periods: the day is cut to the month's length. `at_month_ends`: where the anchor is the
    last day of a month, and the unit months or years, so is every date. OverflowError past the year 9999."""
    if cycle.unit in _DAYS:
        return anchor + timedelta(days=number * cycle.every * _DAYS[cycle.unit])
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + number * cycle.every * _MONTHS[cycle.unit], 12)
    if year > date.max.year:
        raise OverflowError("a date after the year 9999")
    length = monthrange(year, month + 1)[1]
    ends = at_month_ends and anchor.day == monthrange(anchor.year, anchor.month)[1]
    return date(year, month + 1, length if ends else min(anchor.day, length))


def dates(
    anchor: Moment, cycle: Cycle | None, end: Moment, *, with_end: bool, at_month_ends: bool = False, first: int = 0
) -> list[Moment]:
    """The anchor (with `first` 1: not the anchor) and what follows it before `end`; `with_end`: and the end.

    A long stub drops the last date before the end where the next one is not the end; a first date stays. Without a
    cycle it is the anchor alone. ValueError beyond `MOST_DATES`.
    """
    found: list[Moment] = []
    number = first
    at = anchor if cycle is None else Moment(after(anchor.day, cycle, number, at_month_ends), anchor.closes)
    while at < end:
        found.append(at)
        if cycle is None:
            break
        if len(found) > MOST_DATES:
            raise ValueError(f"the cycle has more than {MOST_DATES} dates")
        number += 1
        at = Moment(after(anchor.day, cycle, number, at_month_ends), anchor.closes)
    if cycle is not None and cycle.long_stub and at != end and len(found) > 1:
        found.pop()
    return [*found, end] if with_end else found
