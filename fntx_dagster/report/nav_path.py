"""The way of the NAV: step by step through one day, and through many days as one line.

What belongs here: what a chart is drawn from. Amounts are exact, in base currency; the places on the line of time are
floats, for drawing alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.day import AnyDay
from fntx_dagster.report import clock
from fntx_dagster.report.market import nonzero_parts, part_label
from fntx_dagster.report.narrative import Paragraph, Story

# Nights are long and sessions are busy: the night gets this part of a day's width, whatever the clock says.
_NIGHT = 0.25


class Step(NamedTuple):
    """The NAV before and after one thing of a day. `kind`: level (a NAV is stated and nothing moves), flow (a deposit
    or withdrawal), block (any other block) or part (a part of the difference at the close). `when` is the
    observer's clock, empty for a part."""

    label: str
    when: str
    before: Decimal
    after: Decimal
    kind: str

    @property
    def impact(self) -> Decimal:
        return self.after - self.before


class Point(NamedTuple):
    """The NAV from here on; `place` counts sessions from the first one's start, and the open is a quarter into one."""

    place: float
    nav: Decimal


class NavPath(NamedTuple):
    """The NAV over several sessions. `steps`: the calculated NAV after each block, and the official one at each close,
    in the order of time. `closes`: the official ones alone, from the opening of the first. `flows`: those of the steps
    that deposits and withdrawals made, with their amounts in the order of time."""

    sessions: tuple[date, ...]
    steps: tuple[Point, ...]
    closes: tuple[Point, ...]
    flows: tuple[tuple[Point, Decimal], ...]


def day_steps(story: Story) -> list[Step]:
    """From the previous official close through every block and every part of the difference to the official close (or
    to the NAV now); each step begins where the one before ended. Empty where no opening NAV is known."""
    if story.day.opening_nav_official is None:
        return []
    steps: list[Step] = []
    for paragraph in story.paragraphs:
        when = clock.clock_time(paragraph.starts_at, story.observer)
        if paragraph.kind in ("market_close", "now"):
            steps += _parts(story.day)
        if paragraph.kind == "no_events" or paragraph.nav_after is None:
            continue
        before = paragraph.nav_after - (paragraph.source.nav_impact if paragraph.source else 0)
        steps.append(Step(paragraph.title, when, before, paragraph.nav_after, _kind(paragraph)))
    return steps


def nav_path(stories: Sequence[Story]) -> NavPath:
    """The path of one account's stories, which are in the order of time; days without a known opening NAV are left
    out."""
    known = [(story.day, nav) for story in stories if (nav := story.day.opening_nav_official) is not None]
    steps: list[Point] = []
    closes: list[Point] = [Point(0, nav) for _, nav in known[:1]]
    flows: list[tuple[Point, Decimal]] = []
    for number, (day, opening_nav) in enumerate(known):
        steps.append(Point(number, opening_nav))
        for block in day.blocks:
            if block.nav_after is None:
                continue
            steps.append(Point(number + _part_of_day(block.starts_at, day), block.nav_after))
            if block.is_flow:
                flows.append((steps[-1], block.nav_impact))
        steps.append(Point(number + 1, day.closing_nav_official))
        closes.append(steps[-1])
    return NavPath(tuple(day.trading_day for day, _ in known), tuple(steps), tuple(closes), tuple(flows))


def _kind(paragraph: Paragraph) -> str:
    if paragraph.source is None:
        return "level"
    return "flow" if paragraph.source.is_flow else "block"


def _parts(day: AnyDay) -> list[Step]:
    nav = day.closing_nav_calculated
    if nav is None:
        return []
    steps = []
    unexplained = [("Unexplained", day.unexplained)] if day.unexplained else []
    for label, amount in [*((part_label(name), amount) for name, amount in nonzero_parts(day)), *unexplained]:
        steps.append(Step(label, "", nav, nav + amount, "part"))
        nav += amount
    return steps


def _part_of_day(moment: datetime, day: AnyDay) -> float:
    if moment < day.opens_at:
        part = _NIGHT * ((moment - day.previous_close) / (day.opens_at - day.previous_close))
    else:
        part = _NIGHT + (1 - _NIGHT) * ((moment - day.opens_at) / (day.closes_at - day.opens_at))
    return min(max(part, 0.0), 1.0)
