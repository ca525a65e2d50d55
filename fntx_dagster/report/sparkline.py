"""A sparkline: how a figure went, beside the figure.

What belongs here: drawing. It has no axes and no words, so the page says the figure beside it, and the description says
from where to where it went.
"""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.report.drawing import Range, picture, trail, written


def sparkline(values: Sequence[float], key: str, title: str, description: str, level: float | None = None) -> str:
    """A line through the values, which are equally apart and in the order of time, with a dot at the last. `level` is
    drawn as a line across: what the values are compared with, such as 0 for returns. Empty without values."""
    if not values:
        return ""
    panel = picture(key, title, description, "spark", "2.2em")
    reached = [*values, *([] if level is None else [level])]
    low, high = min(reached), max(reached)
    free = (high - low) / 2 or 1.0  # a figure that never moved lies in the middle
    reach = Range(low, high) if high > low else Range(low - free, high + free)
    if level is not None:
        panel.levels([reach.part(level)], "soft")
    last = max(len(values) - 1, 1)
    places = [(number / last if len(values) > 1 else 1.0, reach.part(value)) for number, value in enumerate(values)]
    line = trail(places)
    panel.line(line, "accent", 1.6)
    panel.dots(line[-1:], "accent", 5)
    return written(panel)
