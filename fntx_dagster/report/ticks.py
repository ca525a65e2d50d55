"""Where an axis is labelled: round values of amounts and per cents, days, months and years of sessions.

What belongs here: the choice of ticks and their text. A label that a narrow chart has no room for is `fine`, one that
fits neither a telephone `medium`; the page's style sheet leaves them out where the chart is that narrow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from fntx_dagster.report import clock, money
from fntx_dagster.report.drawing import Range

_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))
_DAYS = (1, 2, 4, 8, 16, 32)
_MONTHS = (1, 3, 6, 12, 24, 48, 96)
_MOST_DAYS = 64
"""The most sessions that are labelled by day, not by month."""
_GAPS = (("", 0.235), ("medium", 0.155), ("fine", 0.07))
"""What stays in a chart of which width: the class of a label, and the part of the width from one label to the next."""
_LATEST_FIRST = 4
"""The latest day of a month that its first session is on: after New Year's Day and a weekend."""
_MILLION = 1_000_000


class Tick(NamedTuple):
    """`part`: its place on the axis, from 0 to 1; `size`: empty, `medium` or `fine`."""

    part: float
    label: str
    size: str = ""


def round_values(reach: Range, most: int, *, whole: bool = False) -> list[Decimal]:
    """At most `most` + 1 values within the range, in steps of 1, 2, 2.5 or 5 and zeros; `whole`: in whole numbers."""
    least = max(Decimal(reach.high - reach.low) / most, Decimal(whole))
    magnitude = Decimal(1).scaleb(least.adjusted())
    steps = [step * magnitude for step in _STEPS]
    step = next(each for each in steps if each >= least and not (whole and each % 1))
    dust = (reach.high - reach.low) * 1e-9
    first, last = math.ceil((reach.low - dust) / float(step)), math.floor((reach.high + dust) / float(step))
    return [number * step for number in range(first, last + 1)]


def value_ticks(reach: Range, most: int, write: Callable[[Decimal], str]) -> list[Tick]:
    """Round values of an axis, each with its label."""
    return [Tick(reach.part(float(value)), write(value)) for value in round_values(reach, most)]


def count_ticks(reach: Range, most: int) -> list[Tick]:
    """Of numbers of things."""
    return [Tick(reach.part(float(count)), plain_label(count)) for count in round_values(reach, most, whole=True)]


def amount_ticks(reach: Range, most: int) -> list[Tick]:
    """Of amounts: `1,480,000`, and from ten millions on `12.5 M`."""
    in_millions = max(abs(reach.low), abs(reach.high)) >= 10 * _MILLION
    return value_ticks(reach, most, _millions if in_millions else plain_label)


def percent_ticks(reach: Range, most: int) -> list[Tick]:
    """Of ratios, in per cent."""
    return value_ticks(reach, most, percent_label)


def spread_ticks(reach: Range, most: int) -> list[Tick]:
    """Of ratios beside one another, in per cent; 0 % is never left out."""
    values = round_values(reach, most)
    step = values[1] - values[0] if len(values) > 1 else Decimal(1)
    return _spaced(
        [(int(value / step), reach.part(float(value)), percent_label(value)) for value in values], (1, 2, 4, 8)
    )


def plain_label(value: Decimal) -> str:
    """`1,000`, `0.25`."""
    return money.quantity(value)


def percent_label(ratio: Decimal) -> str:
    """`-2.5 %`."""
    return f"{money.quantity(ratio * 100)} %"


def session_ticks(sessions: Sequence[date]) -> list[Tick]:
    """Days where the sessions are few, else the first session of each month, quarter, half-year or year. A day's tick
    is at its close, that of a longer time at its beginning; a month that the sessions begin within has none."""
    count = len(sessions)
    if count <= _MOST_DAYS:
        closes = [(count - 1 - number, (number + 1) / count, _short_day(day)) for number, day in enumerate(sessions)]
        return _spaced(closes, _DAYS)
    begun = [
        (day.year * 12 + day.month - 1, number / count, f"{clock.month_name(day.month)[:3]} {day.year}")
        for number, day in enumerate(sessions)
        if (sessions[number - 1].month != day.month if number else day.day <= _LATEST_FIRST)
    ]
    ticks = _spaced(begun, _MONTHS)
    years_alone = len(ticks) > 1 and all(tick.label.startswith("Jan ") for tick in ticks)
    return [tick._replace(label=_short_month(tick, years_alone)) for tick in ticks]


def _short_month(tick: Tick, years_alone: bool) -> str:
    """A year where all are, a month without its year between others that have theirs."""
    month, year = tick.label.split(" ")
    return year if years_alone else month if tick.size == "fine" else tick.label


def _spaced(places: Sequence[tuple[int, float, str]], steps: Sequence[int]) -> list[Tick]:
    """(number, part, label) whose number the step divides. The step of a wider chart divides that of a narrower."""
    sizes: dict[int, str] = {}
    narrower = 0
    for size, gap in _GAPS:
        step = _step(places, [each for each in steps if not narrower or narrower % each == 0], gap)
        for number, _, _ in places:
            if number % step == 0:
                sizes.setdefault(number, size)
        narrower = step
    return [Tick(part, label, sizes[number]) for number, part, label in places if number in sizes]


def _step(places: Sequence[tuple[int, float, str]], steps: Sequence[int], gap: float) -> int:
    for step in steps:
        parts = [part for number, part, _ in places if number % step == 0]
        if all(after - before >= gap for before, after in pairwise(parts)):
            return step
    return steps[-1]


def _short_day(day: date) -> str:
    return f"{clock.month_name(day.month)[:3]} {day.day}"


def _millions(value: Decimal) -> str:
    return f"{money.quantity(value / _MILLION)} M"
