"""Charts as inline SVG: return, NAV, drawdown and rolling risk over sessions, the distribution of daily returns, and
the NAV's steps in a day.

What belongs here: which lines, marks and labels a chart has; `drawing.py` writes them and `ticks.py` chooses the labels
of the axes. Amounts become floats here, and only for their place on the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from fntx_dagster.foreign import cleaned
from fntx_dagster.report import money, ticks
from fntx_dagster.report.drawing import Panel, Place, Range, Spot, picture, row_height, trail, written
from fntx_dagster.report.nav_path import NavPath, Point, Step
from fntx_dagster.report.ticks import Tick

_AROUND = 0.06
"""The part of an axis that stays free beyond the values."""
_MOST_MARKED = 70
"""The most sessions whose closes have dots."""
_MOST_FLOWS = 150
_LONGEST_AMOUNT = 12
"""Letters of an amount that the columns of a day's chart have room for."""
_UP, _DOWN = "M0-5.5 5 3.5H-5Z", "M0 5.5 5-3.5H-5Z"
_DIAMOND, _DOT = "M0-5.5 5.5 0 0 5.5-5.5 0Z", "M-2.5 0a2.5 2.5 0 0 1 5 0 2.5 2.5 0 0 1-5 0Z"


def nav_chart(path: NavPath, key: str, title: str, description: str) -> str:
    """The official NAV at each close as a line, and the calculated NAV within the days as steps. `key` makes the ids of
    the chart its own within the page."""
    panel = picture(key, title, description, "chart", "340")
    reach = _around([float(point.nav) for point in (*path.steps, *path.closes)])
    _axes(panel, ticks.amount_ticks(reach, 6), ticks.session_ticks(path.sessions))
    across = max(len(path.sessions), 1)

    def places(points: Iterable[Point]) -> list[Place]:
        return [(point.place / across, reach.part(float(point.nav))) for point in points]

    panel.line(trail(places(path.steps), stepped=True), "step", 1.2)
    _closes(panel, trail(places(path.closes)))
    flows = places(point for point, _ in path.flows)
    _flows(panel, [(place, amount) for (_, amount), place in zip(path.flows, flows, strict=True)])
    return written(panel)


def return_chart(
    sessions: Sequence[date],
    returns: Sequence[float],
    key: str,
    title: str,
    description: str,
    benchmark: Sequence[float | None] = (),
) -> str:
    """The return since the range began after each session, linked from daily returns, in per cent, and a benchmark's
    beside it, from each known close to the next."""
    panel = picture(key, title, description, "chart", "280")
    known = [each for each in benchmark if each is not None]
    reach = _around([0.0, *returns, *known])
    _axes(panel, ticks.percent_ticks(reach, 5), ticks.session_ticks(sessions))
    line = _from_zero(returns, reach)
    panel.area(line, "grid", reach.part(0.0))
    panel.levels([reach.part(0.0)], "soft")
    if known:
        begins = [0.0 if benchmark[0] is not None else None]
        panel.line(_known([*begins, *benchmark], reach), "step", 1.6)
    _closes(panel, line)
    return written(panel)


def drawdown_chart(sessions: Sequence[date], drawdowns: Sequence[float], key: str, title: str, description: str) -> str:
    """How far the linked return is below its peak after each session, in per cent."""
    panel = picture(key, title, description, "chart", "170")
    reach = Range(min([*drawdowns, 0.0]) * 1.05 or -0.01, 0.0)
    _axes(panel, ticks.percent_ticks(reach, 4), ticks.session_ticks(sessions))
    line = _from_zero(drawdowns, reach)
    panel.area(line, "wash", 1.0)
    panel.line(line, "loss", 1.6)
    return written(panel)


def distribution_chart(bins: Sequence[tuple[float, float, int]], key: str, title: str, description: str) -> str:
    """How many sessions made how much: a bar for each bin of daily returns (from, to, count), in per cent."""
    panel = picture(key, title, description, "chart", "220")
    reach = _around([edge for low, high, _ in bins for edge in (low, high)], 0.01)
    most = Range(0.0, max([count for _, _, count in bins], default=0) * 1.05 or 1.0)
    _axes(panel, ticks.count_ticks(most, 5), ticks.spread_ticks(reach, 8))
    for low, high, count in bins:
        if count:
            gap = (high - low) * 0.04
            left, right = reach.part(low + gap), reach.part(high - gap)
            edges = " to ".join(ticks.percent_label(Decimal(f"{edge:.6f}")) for edge in (low, high))
            words = f"{edges}: {count:,} {'session' if count == 1 else 'sessions'}"
            panel.bar((left, 0.0), (right, most.part(count)), "gain" if low >= 0 else "loss", words)
    return written(panel)


def rolling_chart(
    sessions: Sequence[date],
    volatilities: Sequence[float],
    sharpes: Sequence[float],
    key: str,
    title: str,
    description: str,
) -> str:
    """Volatility per year, in per cent, and below it the Sharpe ratio, each of the window that ends with a session."""
    panel = picture(key, title, description, "chart", "300")
    above, below = panel.part(0.0, 0.46), panel.part(0.54, 0.46)
    reach = _around(volatilities)
    _axes(above, ticks.percent_ticks(reach, 4), [])
    above.line(_at_closes(volatilities, reach), "accent", 1.8)
    reach = _around([0.0, *sharpes])
    _axes(below, ticks.value_ticks(reach, 4, ticks.plain_label), ticks.session_ticks(sessions))
    below.levels([reach.part(0.0)], "soft")
    below.line(_at_closes(sharpes, reach), "step", 1.8)
    return written(panel)


def day_chart(
    steps: Sequence[Step],
    currency: str,
    key: str,
    title: str,
    description: str,
    words: Callable[[str], str] = cleaned,
) -> str:
    """One day's steps from top to bottom in the order of time, each with what it moves and the NAV that it leaves. Each
    label passes `words`, which may mask more than what `cleaned` takes out. A row is as high as the chart's letters, of
    which the style sheet decides."""
    is_long = any(len(money.display(step.after)) > _LONGEST_AMOUNT for step in steps)
    classes = "chart rows day long" if is_long else "chart rows day"
    panel = picture(key, title, f"{description} Amounts in {currency}.", classes, f"{len(steps)}em")
    reach = _around([float(nav) for step in steps for nav in (step.before, step.after)])
    values = ticks.amount_ticks(reach, 4)
    panel.columns([tick.part for tick in values])
    for tick in values:
        panel.text(tick.label, (tick.part, 0.0), "x-label f-soft")
    _steps(panel.group("bars"), steps, reach)
    for row, step in enumerate(steps):
        for column, text, role in _texts(step):
            if text:
                place = (1.0 if column in ("row-amount", "row-result") else 0.0, row_height(row, len(steps)))
                panel.text(words(text), place, f"{column} f-{role}")
    return written(panel)


def _around(values: Sequence[float], part: float = _AROUND) -> Range:
    """The range of the values, with some of it free at both ends; around a single value, a little of its size."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    free = (high - low) * part or abs(high) * part or 1.0
    return Range(low - free, high + free)


def _axes(panel: Panel, upwards: Sequence[Tick], across: Sequence[Tick]) -> None:
    panel.levels([tick.part for tick in upwards])
    for tick in upwards:
        panel.text(tick.label, (0.0, tick.part), "y-label f-soft")
    for tick in across:
        panel.text(tick.label, (tick.part, 0.0), f"x-label {tick.size}".rstrip() + " f-soft")


def _from_zero(ratios: Sequence[float], reach: Range) -> Sequence[Spot]:
    """A line that begins at 0 where the first session does; a ratio's place is at its close."""
    return _known([0.0, *ratios], reach)


def _known(ratios: Sequence[float | None], reach: Range) -> Sequence[Spot]:
    """The line through those that are known; the first is that of the beginning."""
    across = max(len(ratios) - 1, 1)
    return trail((number / across, reach.part(ratio)) for number, ratio in enumerate(ratios) if ratio is not None)


def _at_closes(figures: Sequence[float], reach: Range) -> Sequence[Spot]:
    return _known([None, *figures], reach)


def _closes(panel: Panel, line: Sequence[Spot]) -> None:
    """The line through the closes, with dots where they are few."""
    panel.line(line, "accent", 1.8)
    if len(line) <= _MOST_MARKED:
        panel.dots(line, "accent", 6)


def _flows(panel: Panel, flows: Sequence[tuple[Place, Decimal]]) -> None:
    """A mark for each deposit and withdrawal; of several that would lie on one another, for the last."""
    apart = {(round(place[0] * _MOST_FLOWS), amount > 0): place for place, amount in flows}
    for (_, is_deposit), place in apart.items():
        panel.mark(place, _UP if is_deposit else _DOWN, "ink")


def _steps(panel: Panel, steps: Sequence[Step], reach: Range) -> None:
    """A bar for each step that moves something, a mark for each that does not, and a line from each to the next."""
    after = [(reach.part(float(step.after)), row_height(row, len(steps))) for row, step in enumerate(steps)]
    for above, below in pairwise(after):
        panel.rule(above, (above[0], below[1]), "soft")
    for step, place in zip(steps, after, strict=True):
        if step.kind == "level":
            panel.mark(place, _DIAMOND, "accent")
        elif step.impact:
            panel.beam(place, reach.part(float(step.before)), _role(step))
        else:
            panel.mark(place, _DOT, "soft")


def _texts(step: Step) -> Iterator[tuple[str, str, str]]:
    """(column, text, role): the time and the label, what the step moves, and the NAV after it."""
    yield "row-time", step.when, "soft"
    is_part = step.kind == "part"  # what its label says behind a comma is left to the story
    yield "row-part" if is_part else "row-name", step.label.split(", ")[0] if is_part else step.label, "ink"
    moves = step.kind != "level" and step.impact
    yield "row-amount", money.display(step.impact, signed=True) if moves else "", _role(step)
    yield "row-result", money.display(step.after), "ink" if step.kind == "level" else "soft"


def _role(step: Step) -> str:
    """The colour of what a step moves: a flow is neither a gain nor a loss."""
    return "soft" if step.kind == "flow" else "gain" if step.impact > 0 else "loss"
