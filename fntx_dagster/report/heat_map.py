"""The calendar of daily returns as an inline SVG: a row for each month, a cell for each session.

What belongs here: drawing. Colours are the page's classes, as in `charts.py`; the stronger a colour, the larger the
gain or loss. The same values give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from xml.etree import ElementTree

from fntx_dagster.foreign import cleaned
from fntx_dagster.report import clock, money

_LEFT, _TOP, _WIDE, _HIGH, _GAP = 78, 22, 28, 22, 2
_WEAKEST, _STRONGEST = 0.12, 0.6
_STRONG_FROM = 0.95
"""The part of the days at whose size a colour is strongest: a single crash leaves the others visible."""


def heat_map(returns: Sequence[tuple[date, float | None]], key: str, title: str, description: str) -> str:
    """`returns` in the order of time, as ratios; a cell shows per cent to one decimal, and the day and two decimals
    when it is pointed at."""
    months = [list(days) for _, days in groupby(returns, key=lambda each: (each[0].year, each[0].month))]
    width, height = _LEFT + 31 * _WIDE + 14, _TOP + len(months) * _HIGH + 4
    picture = ElementTree.Element(
        "svg",
        {
            "class": "chart",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-labelledby": f"{key}-title {key}-desc",
        },
    )
    for tag, text in (("title", title), ("desc", description)):
        ElementTree.SubElement(picture, tag, {"id": f"{key}-{tag}"}).text = cleaned(text)
    for day in range(1, 32):
        _text(picture, _LEFT + (day - 0.5) * _WIDE, _TOP - 8, str(day), "soft", 10)
    strong = _strong([made for _, made in returns if made])
    for row, days in enumerate(months):
        first = days[0][0]
        place = _TOP + row * _HIGH
        _text(picture, 0, place + 14, f"{clock.month_name(first.month)[:3]} {first.year}", "soft", 12, "start")
        for day, made in days:
            _cell(picture, day, made, place, strong)
    return ElementTree.tostring(picture, encoding="unicode")


def _cell(picture: ElementTree.Element, day: date, made: float | None, place: int, strong: float) -> None:
    left = _LEFT + (day.day - 1) * _WIDE
    role = "grid" if not made else "gain" if made > 0 else "loss"
    strength = 1.0 if not made else _WEAKEST + (_STRONGEST - _WEAKEST) * min(abs(made) / strong, 1.0)
    cell = ElementTree.SubElement(
        picture,
        "rect",
        {
            "class": f"f-{role}",
            "x": f"{left + _GAP / 2:g}",
            "y": f"{place + _GAP / 2:g}",
            "width": f"{_WIDE - _GAP}",
            "height": f"{_HIGH - _GAP}",
            "fill-opacity": f"{strength:.2f}",
        },
    )
    said = "undefined" if made is None else money.percent(made, signed=True)
    ElementTree.SubElement(cell, "title").text = f"{day.isoformat()}: {said}"
    _text(picture, left + _WIDE / 2, place + 14.5, "–" if made is None else _short(made), "ink", 9)


def _short(made: float) -> str:
    return f"{made * 100:+.1f}" if abs(made) < 1 else f"{made * 100:+.0f}"


def _strong(moved: Sequence[float]) -> float:
    sizes = sorted(map(abs, moved))
    return sizes[int((len(sizes) - 1) * _STRONG_FROM)] if sizes else 1.0


def _text(
    picture: ElementTree.Element, x: float, y: float, text: str, role: str, size: int, anchor: str = "middle"
) -> None:
    place = {"class": f"f-{role}", "x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size}", "text-anchor": anchor}
    ElementTree.SubElement(picture, "text", place).text = cleaned(text)
