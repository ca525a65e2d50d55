"""Drawings of a row for each amount: what a difference is made of, and how much of each limit is used.

What belongs here: drawing. Every row says its figure with its sign, a bar beside it shows the size, and the description
says all rows for those who do not see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.report import money
from fntx_dagster.report.drawing import Panel, Range, picture, row_height, written

_UNEXPLAINED = "Unexplained"


class Used(NamedTuple):
    """How much of a limit is used. `words` say both for a reader, such as `12 of 20 orders`; a limit of 0 allows
    nothing."""

    name: str
    used: Decimal
    limit: Decimal
    words: str


def difference_chart(
    parts: Sequence[tuple[str, Decimal]], unexplained: Decimal, currency: str, key: str, title: str
) -> str:
    """The named parts of a difference, what is unexplained, and their sum: a bar for each, to the left of the line
    where it is negative. Amounts are exact, in `currency`. What a name says behind a comma is in the description alone:
    a row has no room for it."""
    total = sum((amount for _, amount in parts), unexplained)
    rows = [*parts, (_UNEXPLAINED, unexplained), ("In sum", total)]
    said = "; ".join(f"{name}: {_amount(amount)}" for name, amount in rows)
    panel = picture(key, title, f"{said}. Amounts in {currency}.", "chart rows plain", f"{len(rows)}em")
    low, high = min(0.0, *(float(amount) for _, amount in rows)), max(0.0, *(float(amount) for _, amount in rows))
    reach = Range(low, high) if high > low else Range(-1.0, 1.0)
    bars = panel.group("bars")
    zero = reach.part(0.0)
    bars.rule((zero, 1.0), (zero, 0.0), "soft")
    for row, (name, amount) in enumerate(rows):
        height = row_height(row, len(rows))
        is_sum = row == len(rows) - 1
        role = "accent" if is_sum else "ink" if name == _UNEXPLAINED else "gain" if amount > 0 else "loss"
        if amount:
            bars.beam((reach.part(float(amount)), height), zero, role)
        shown = "ink" if is_sum or not amount else role
        _words(panel, name.split(", ")[0], _amount(amount), height, shown, "total " if is_sum else "")
    return written(panel)


def limits_chart(rows: Sequence[Used], key: str, title: str) -> str:
    """Of each limit what is used, on a track as long as the limit; what is beyond it is said and has the colour of a
    loss."""
    said = "; ".join(f"{row.name}: {row.words}, {_share(row)}" for row in rows)
    panel = picture(key, title, f"{said}." if rows else "", "chart rows plain", f"{max(len(rows), 1)}em")
    bars = panel.group("bars")
    for number, row in enumerate(rows):
        height = row_height(number, len(rows))
        used, is_beyond = _used(row), row.used > row.limit
        bars.beam((1.0, height), 0.0, "grid")
        if row.used > 0:
            bars.beam((min(used, 1.0), height), 0.0, "loss" if is_beyond else "accent")
        _words(panel, f"{row.name}: {row.words}", _share(row), height, "loss" if is_beyond else "ink", "")
    return written(panel)


def _words(panel: Panel, name: str, figure: str, height: float, role: str, more: str) -> None:
    panel.text(name, (0.0, height), f"row-name {more}f-ink")
    panel.text(figure, (1.0, height), f"row-amount {more}f-{role}")


def _amount(amount: Decimal) -> str:
    return money.display_small(amount, signed=True)


def _used(row: Used) -> float:
    return float(row.used / row.limit) if row.limit else float(row.used > 0)


def _share(row: Used) -> str:
    if row.used > row.limit:
        return "over"
    return f"{row.used / row.limit:.0%}".replace("%", " %") if row.limit else "none allowed"
