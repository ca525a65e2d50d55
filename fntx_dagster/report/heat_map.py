"""The calendar of daily returns as inline SVG: a leaf for each month, a row for each week, a cell for each session.

What belongs here: drawing. Colours are the page's classes, as in `drawing.py`; the stronger a colour, the larger the
gain or loss, and each cell says its figure with its sign. Leaves lie beside one another as the page has room. The same
values give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import groupby
from xml.etree import ElementTree

from fntx_dagster.foreign import cleaned
from fntx_dagster.report import clock, money
from fntx_dagster.report.drawing import Panel, picture, share
from fntx_dagster.report.performance import linked

_WEAKEST, _STRONGEST = 0.12, 0.6
_STRONG_FROM = 0.95
"""The part of the days at whose size a colour is strongest: a single crash leaves the others visible."""
_HEAD = 1.5
"""Rows that the month and the weekdays take."""
_WEEKDAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_WORKING_DAYS = 5

Made = tuple[date, float | None]


def heat_map(
    returns: Sequence[Made],
    key: str,
    title: str,
    description: str,
    address: Callable[[date], str] | None = None,
) -> str:
    """`returns` in the order of time, as ratios; a cell shows its day and per cent to one decimal, and two decimals
    when it is pointed at. With `address` it leads there. Weekends have columns where a session is on one."""
    across = 7 if any(day.weekday() >= _WORKING_DAYS for day, _ in returns) else _WORKING_DAYS
    strong = _strong([made for _, made in returns if made])
    calendar = ElementTree.Element(
        "div",
        {
            "class": "calendar" if across == _WORKING_DAYS else "calendar whole",
            "role": "group",
            "aria-label": cleaned(f"{title}. {description}"),
        },
    )
    for (year, month), days in groupby(returns, key=lambda each: (each[0].year, each[0].month)):
        leaf = _leaf(list(days), f"{key}-{year}-{month:02}", across, strong, address)
        calendar.append(leaf.element)
    return ElementTree.tostring(calendar, encoding="unicode")


def _leaf(days: Sequence[Made], key: str, across: int, strong: float, address: Callable[[date], str] | None) -> Panel:
    """One month: its name and return, the weekdays, and its sessions by week."""
    first = days[0][0]
    monday = first - timedelta(days=first.weekday())
    weeks = [(day - monday).days // 7 for day, _ in days]
    rows = _HEAD + weeks[-1] + 1
    month, made = clock.month_year(first), linked(each for _, each in days)
    gained, lost = (sum(1 for _, each in days if each and (each > 0) is up) for up in (True, False))
    said = f"{_said(made)}; {gained} of {len(days)} sessions gained, {lost} lost"
    panel = picture(key, month, said, "leaf", f"{rows:g}em")
    panel.text(f"{month[:3]} {first.year}", (0.0, 1 - 0.4 / rows), "f-ink")
    panel.text(_said(made), (1.0, 1 - 0.4 / rows), f"end f-{_role(made, 'soft')}")
    for column in range(across):
        panel.text(_WEEKDAYS[column], ((column + 0.5) / across, 1 - 1.1 / rows), "weekday f-soft")
    if address:
        panel.element.set("role", "group")
    for (day, each), week in zip(days, weeks, strict=True):
        cells = panel if address is None else panel.link(address(day), f"{day.isoformat()}: {_said(each)}")
        _cell(cells, day, each, (_HEAD + week) / rows, across, 1 / rows, strong)
    return panel


def _cell(panel: Panel, day: date, made: float | None, top: float, across: int, height: float, strong: float) -> None:
    left = day.weekday() / across
    box = {"x": share(left), "y": share(top), "width": share(1 / across), "height": share(height)}
    cell = ElementTree.SubElement(
        panel.element, "rect", {"class": f"f-{_role(made, 'grid')}"} | box | {"fill-opacity": _opacity(made, strong)}
    )
    ElementTree.SubElement(cell, "title").text = f"{day.isoformat()}: {_said(made)}"
    panel.text(str(day.day), (left + 0.06 / across, 1 - top - height * 0.27), "date f-ink")
    panel.text("–" if made is None else _short(made), (left + 0.5 / across, 1 - top - height * 0.62), "made f-ink")


def _role(made: float | None, neither: str) -> str:
    return neither if not made else "gain" if made > 0 else "loss"


def _opacity(made: float | None, strong: float) -> str:
    if not made:
        return "1"
    return f"{_WEAKEST + (_STRONGEST - _WEAKEST) * min(abs(made) / strong, 1.0):.2f}"


def _said(made: float | None) -> str:
    return "undefined" if made is None else money.percent(made, signed=True)


def _short(made: float) -> str:
    return f"{made * 100:+.1f}" if abs(made) < 1 else f"{made * 100:+.0f}"


def _strong(moved: Sequence[float]) -> float:
    sizes = sorted(map(abs, moved))
    return sizes[int((len(sizes) - 1) * _STRONG_FROM)] if sizes else 1.0
