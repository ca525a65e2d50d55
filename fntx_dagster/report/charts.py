"""Charts as inline SVG, drawn by matplotlib: return, NAV, drawdown and rolling risk over sessions, the distribution
of daily returns, and the NAV's steps in a day.

What belongs here: drawing. Each chart is an `<svg>` for an HTML page whose policy forbids inline styles: what
matplotlib writes as styles comes out as classes (`s-accent`: a stroke in the accent colour, `f-gain`: a fill in that of
gains) that the page colours for light, dark and paper, and as plain attributes. The same values give the same bytes.
Amounts become floats here, and only for their place on the paper.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

from fntx_dagster.foreign import cleaned
from fntx_dagster.report import clock, money
from fntx_dagster.report.nav_path import NavPath, Step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What a colour means → the colour that stands for it while matplotlib draws; the page decides which colour that is.
_COLOURS = {
    role: f"#0000{number:02x}"
    for number, role in enumerate(("ink", "soft", "grid", "accent", "step", "gain", "loss", "wash"), start=1)
}
_ROLES = {colour: role for role, colour in _COLOURS.items()}
_WIDTH = 960
_POINTS_PER_INCH = 72
_TEXT = 12
_MOST_TICKS = 12
_TICK_WIDTH = 0.075
"""The part of a chart's width that the label of a month takes."""
_ROW = 27
_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d+")
_COORDINATES = ("d", "x", "y", "transform", "points", "width", "height")


def nav_chart(path: NavPath, key: str, title: str, description: str) -> str:
    """The official NAV at each close as a line, and the calculated NAV within the days as steps. `key` makes the ids of
    the chart its own within the page."""
    with _settings():
        figure, axes = _figure(330, left=88, right=18, top=12, bottom=34)
        _line(axes, path.steps, "step", 1.0, style="steps-post")
        dense = len(path.sessions) > 70
        _line(axes, path.closes, "accent", 1.8, marker="" if dense else "o")
        for point, amount in path.flows:
            marker = {"marker": "^" if amount > 0 else "v", "markersize": 4 if dense else 7}
            axes.plot([point.place], [float(point.nav)], color=_COLOURS["ink"], clip_on=False, **marker)
        axes.set_xlim(0, max(len(path.sessions), 1))
        _session_ticks(axes, path.sessions)
        _amount_ticks(axes)
        return _svg(figure, key, title, description)


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
    with _settings():
        figure, axes = _figure(270, left=88, right=18, top=12, bottom=34)
        places, values = _from_zero(returns)
        axes.fill_between(places, values, 0.0, color=_COLOURS["grid"], linewidth=0, clip_on=False)
        axes.axhline(0.0, color=_COLOURS["soft"], linewidth=0.8)
        if benchmark:
            known = [(place, each) for place, each in zip(places[1:], benchmark, strict=True) if each is not None]
            begins = [(0.0, 0.0)] if benchmark[0] is not None else []
            axes.plot(*zip(*begins, *known, strict=True), color=_COLOURS["step"], linewidth=1.6, clip_on=False)
        marker = "" if len(sessions) > 70 else "o"
        axes.plot(places, values, color=_COLOURS["accent"], linewidth=1.8, marker=marker, markersize=4.5, clip_on=False)
        axes.set_xlim(0, max(len(sessions), 1))
        axes.margins(y=0.08)
        _session_ticks(axes, sessions)
        _percent_ticks(axes, 5)
        return _svg(figure, key, title, description)


def drawdown_chart(sessions: Sequence[date], drawdowns: Sequence[float], key: str, title: str, description: str) -> str:
    """How far the linked return is below its peak after each session, in per cent."""
    with _settings():
        figure, axes = _figure(170, left=88, right=18, top=12, bottom=34)
        places, values = _from_zero(drawdowns)
        axes.fill_between(places, values, 0.0, color=_COLOURS["wash"], linewidth=0, clip_on=False)
        axes.plot(places, values, color=_COLOURS["loss"], linewidth=1.6, clip_on=False, solid_capstyle="round")
        axes.set_xlim(0, max(len(sessions), 1))
        axes.set_ylim(min(values) * 1.05 or -0.01, 0)
        _session_ticks(axes, sessions)
        _percent_ticks(axes, 4)
        return _svg(figure, key, title, description)


def distribution_chart(bins: Sequence[tuple[float, float, int]], key: str, title: str, description: str) -> str:
    """How many sessions made how much: a bar for each bin of daily returns (from, to, count), in per cent."""
    with _settings():
        figure, axes = _figure(220, left=88, right=18, top=12, bottom=34)
        for low, high, count in bins:
            colour = _COLOURS["gain" if low >= 0 else "loss"]
            axes.bar(low, count, width=(high - low) * 0.92, align="edge", color=colour, linewidth=0)
        axes.yaxis.set_major_locator(_locator(4))
        axes.yaxis.set_major_formatter(lambda value, _: money.quantity(_short(value)))
        axes.xaxis.set_major_locator(_locator(8))
        axes.xaxis.set_major_formatter(lambda value, _: f"{money.quantity(_short(value * 100))} %")
        return _svg(figure, key, title, description)


def rolling_chart(
    sessions: Sequence[date],
    volatilities: Sequence[float],
    sharpes: Sequence[float],
    key: str,
    title: str,
    description: str,
) -> str:
    """Volatility per year, in per cent, and below it the Sharpe ratio, each of the window that ends with a session."""
    with _settings():
        figure, axes = _figure(300, left=88, right=18, top=12, bottom=174)
        below = figure.add_axes((88 / _WIDTH, 34 / 300, (_WIDTH - 106) / _WIDTH, 108 / 300), frameon=False)
        below.grid(axis="y", color=_COLOURS["grid"], linewidth=0.8)
        below.tick_params(length=0, labelcolor=_COLOURS["soft"], pad=8)
        places = [float(number) for number in range(1, len(sessions) + 1)]
        for part, values, role in ((axes, volatilities, "accent"), (below, sharpes, "step")):
            part.plot(places, values, color=_COLOURS[role], linewidth=1.8, clip_on=False)
            part.set_xlim(0, len(sessions))
            part.margins(y=0.08)
            _session_ticks(part, sessions)
        axes.set_xticks([])
        _percent_ticks(axes, 4)
        below.axhline(0.0, color=_COLOURS["soft"], linewidth=0.8)
        below.yaxis.set_major_locator(_locator(4))
        below.yaxis.set_major_formatter(lambda value, _: money.quantity(_short(value)))
        return _svg(figure, key, title, description)


def day_chart(
    steps: Sequence[Step],
    currency: str,
    key: str,
    title: str,
    description: str,
    words: Callable[[str], str] = cleaned,
) -> str:
    """One day's steps from top to bottom in the order of time, each with what it moves and the NAV that it leaves. Each
    label passes `words`, which may mask more than what `cleaned` takes out."""
    height = 44 + _ROW * len(steps)
    with _settings():
        figure, axes = _figure(height, left=410, right=206, top=14, bottom=30)
        _steps(axes, steps)
        _texts(axes, steps, words)
        axes.set_ylim(len(steps) - 0.4, -0.6)
        axes.set_yticks([])
        reached = [float(nav) for step in steps for nav in (step.before, step.after)]
        around = (max(reached) - min(reached)) * 0.05 or 1.0
        axes.set_xlim(min(reached) - around, max(reached) + around)
        axes.xaxis.set_major_locator(_locator(4))
        axes.xaxis.set_major_formatter(lambda value, _: money.quantity(_short(value)))
        axes.grid(axis="x", color=_COLOURS["grid"], linewidth=0.8)
        axes.grid(axis="y", visible=False)
        return _svg(figure, key, title, f"{description} Amounts in {currency}.", "chart rows")


def _settings():
    import matplotlib

    return matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": "fntx",
            "font.family": "sans-serif",
            "font.size": _TEXT,
            "path.simplify": False,
            "text.usetex": False,
            "text.parse_math": False,
        }
    )


def _figure(height: int, *, left: int, right: int, top: int, bottom: int) -> tuple[Figure, Axes]:
    """A figure of the page's width and `height` in points, its plot inset by the margins, without a frame."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH / _POINTS_PER_INCH, height / _POINTS_PER_INCH), frameon=False)
    inner = (_WIDTH - left - right) / _WIDTH, (height - top - bottom) / height
    axes = figure.add_axes((left / _WIDTH, bottom / height, *inner), frameon=False)
    axes.grid(axis="y", color=_COLOURS["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=_COLOURS["soft"], pad=8)
    return figure, axes


def _line(
    axes: Axes,
    points: Sequence[tuple[float, Decimal]],
    role: str,
    width: float,
    *,
    style: Literal["default", "steps-post"] = "default",
    marker: str = "",
) -> None:
    axes.plot(
        [place for place, _ in points],
        [float(nav) for _, nav in points],
        color=_COLOURS[role],
        linewidth=width,
        clip_on=False,
        solid_capstyle="round",
        drawstyle=style,
        marker=marker,
        markersize=4.5,
    )


def _session_ticks(axes: Axes, sessions: Sequence[date]) -> None:
    """Days where they are few, else the first session of each month, or of each year; a day's tick is at its close."""
    if len(sessions) <= 3 * _MOST_TICKS:
        every = max(math.ceil(len(sessions) / _MOST_TICKS), 1)
        ticks = [(number + 1, _short_day(day)) for number, day in enumerate(sessions)][::-every][::-1]
    else:
        firsts = [
            (number, f"{clock.month_name(day.month)[:3]} {day.year}")
            for number, day in enumerate(sessions)
            if number == 0 or (day.year, day.month) != (sessions[number - 1].year, sessions[number - 1].month)
        ]
        ticks = firsts[:: max(math.ceil(len(firsts) / _MOST_TICKS), 1)]
        if len(ticks) > 1 and ticks[1][0] < len(sessions) * _TICK_WIDTH:  # the first month is not whole: no room
            del ticks[0]
    axes.set_xticks([place for place, _ in ticks], [label for _, label in ticks])


def _short_day(day: date) -> str:
    return f"{clock.month_name(day.month)[:3]} {day.day}"


def _amount_ticks(axes: Axes) -> None:
    axes.yaxis.set_major_locator(_locator(6))
    axes.yaxis.set_major_formatter(lambda value, _: money.quantity(_short(value)))
    axes.margins(y=0.08)


def _percent_ticks(axes: Axes, ticks: int) -> None:
    axes.yaxis.set_major_locator(_locator(ticks))
    axes.yaxis.set_major_formatter(lambda value, _: f"{money.quantity(_short(value * 100))} %")


def _from_zero(ratios: Sequence[float]) -> tuple[list[float], list[float]]:
    """Places and heights of a line that begins at 0 where the first session does; a ratio's place is at its close."""
    return [float(number) for number in range(len(ratios) + 1)], [0.0, *ratios]


def _locator(ticks: int):
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=ticks, steps=[1, 2, 2.5, 5, 10])


def _short(value: float) -> Decimal:
    """A tick's value without the dust of binary fractions."""
    return Decimal(f"{value:.6f}")


def _steps(axes: Axes, steps: Sequence[Step]) -> None:
    """A bar for each step that moves something, a mark for each that does not, and a line from each to the next."""
    after = [float(step.after) for step in steps]
    rows = range(len(steps))
    axes.vlines(after[:-1], rows[:-1], rows[1:], colors=_COLOURS["soft"], linewidth=0.8, zorder=1)
    moved = [(row, step) for row, step in enumerate(steps) if step.kind != "level" and step.impact]
    if moved:
        places, colours = [row for row, _ in moved], [_COLOURS[_role(step)] for _, step in moved]
        before, ends = [float(step.before) for _, step in moved], [float(step.after) for _, step in moved]
        axes.hlines(places, before, ends, colors=colours, linewidth=_ROW / 2, zorder=2)
        # a step that is too small to see is a line at least
        axes.vlines(
            ends,
            [row - 0.25 for row in places],
            [row + 0.25 for row in places],
            colors=colours,
            linewidth=1.6,
            zorder=2,
        )
    for marked, role, marker, size in (
        ([row for row, step in enumerate(steps) if step.kind == "level"], "accent", "D", 6),
        ([row for row, step in enumerate(steps) if step.kind != "level" and not step.impact], "soft", "o", 4),
    ):
        style = {"linestyle": "none", "marker": marker, "markersize": size, "color": _COLOURS[role]}
        axes.plot([after[row] for row in marked], marked, clip_on=False, zorder=3, **style)


def _texts(axes: Axes, steps: Sequence[Step], words: Callable[[str], str]) -> None:
    """The time and the label left of the plot; right of it what each step moves, and the NAV after it."""
    from matplotlib.transforms import ScaledTranslation

    beside = axes.get_yaxis_transform()

    def column(x: int, place: int, align: str, texts: Iterable[tuple[str, str]]) -> None:
        at = beside + ScaledTranslation(place / _POINTS_PER_INCH, 0, axes.figure.dpi_scale_trans)
        for row, (text, role) in enumerate(texts):
            if text:
                axes.text(x, row, words(text), transform=at, ha=align, va="center", color=_COLOURS[role])

    column(0, -404, "left", ((step.when, "soft") for step in steps))
    # the part of a label behind its comma is left to the story
    column(0, -318, "left", (("" if step.kind == "part" else step.label, "ink") for step in steps))
    column(0, -302, "left", ((step.label.split(", ")[0] if step.kind == "part" else "", "ink") for step in steps))
    column(1, 100, "right", ((_moved(step), _role(step)) for step in steps))
    column(1, 200, "right", ((money.display(step.after), "ink" if step.kind == "level" else "soft") for step in steps))


def _moved(step: Step) -> str:
    return money.display(step.impact, signed=True) if step.kind != "level" and step.impact else ""


def _role(step: Step) -> str:
    """The colour of what a step moves: a flow is neither a gain nor a loss."""
    return "soft" if step.kind == "flow" else "gain" if step.impact > 0 else "loss"


def _svg(figure: Figure, key: str, title: str, description: str, classes: str = "chart") -> str:
    """The figure as one `<svg>` element with its title and description. The page makes a chart as narrow as a telephone
    and its labels larger, but for the class `rows`, whose text would not fit."""
    drawn = StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    root = ElementTree.fromstring(drawn.getvalue())
    box = root.get("viewBox")
    linked = {name for node in root.iter() for name in _references(node)}
    for node in list(root.iter()):
        _without_style(node)
        _rename(node, key, linked)
    picture = ElementTree.Element(
        "svg", {"class": classes, "viewBox": box or "", "role": "img", "aria-labelledby": f"{key}-title {key}-desc"}
    )
    for tag, text in (("title", title), ("desc", description)):
        ElementTree.SubElement(picture, tag, {"id": f"{key}-{tag}"}).text = cleaned(text)
    picture.extend(child for child in root if child.tag == "g" or child.find(".//clipPath") is not None)
    for node in picture.iter():
        if not (node.text or "").strip():
            node.text = None
        node.tail = None
    return ElementTree.tostring(picture, encoding="unicode")


def _references(node: ElementTree.Element) -> list[str]:
    clip = re.fullmatch(r"url\(#(.+)\)", node.get("clip-path", ""))
    return [name for name in (node.get(_LINK, "").removeprefix("#"), clip[1] if clip else "") if name]


def _without_style(node: ElementTree.Element) -> None:
    """A style's colours become classes, its other properties attributes; fonts are the page's."""
    classes = []
    for declaration in node.attrib.pop("style", "").split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name in ("fill", "stroke") and value in _ROLES:
            classes.append(f"{name[0]}-{_ROLES[value]}")
        elif name and name != "font-family":
            node.set(name, value.removesuffix("px"))
    if classes:
        node.set("class", " ".join(classes))


def _rename(node: ElementTree.Element, key: str, linked: set[str]) -> None:
    """Plain SVG names, ids that no other chart of the page has and only where something refers to them, and coordinates
    of a hundredth of a point."""
    node.tag = node.tag.removeprefix(_SVG)
    name = node.attrib.pop("id", None)
    if name in linked:
        node.set("id", f"{key}-{name}")
    if target := node.attrib.pop(_LINK, None):
        node.set("href", f"#{key}-{target.removeprefix('#')}")
    if clip := node.get("clip-path"):
        node.set("clip-path", clip.replace("#", f"#{key}-"))
    for attribute in _COORDINATES:
        if numbers := node.get(attribute):
            node.set(attribute, " ".join(_NUMBER.sub(_rounded, numbers).split()))
    if node.get("transform", "").startswith("rotate(-0"):
        del node.attrib["transform"]


def _rounded(number: re.Match[str]) -> str:
    text = f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
