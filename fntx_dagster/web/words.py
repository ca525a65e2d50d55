"""How pages write amounts, ratios and times: the report's words, as filters of a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.report import clock, money
from fntx_dagster.report.metric_names import metric_name

NONE = "–"
"""Stands where there is no figure."""


def amount(value: Decimal | None, *, signed: bool = False) -> str:
    """An amount to the cent, half-even."""
    return NONE if value is None else money.display(value, signed=signed)


def gained(value: Decimal | None) -> str:
    """An amount with its sign."""
    return amount(value, signed=True)


def figure(value: str | None, *, signed: bool = False) -> str:
    """An exact number that a service wrote, grouped; `…` says that more than eight decimals follow."""
    return NONE if value is None else money.exactly(Decimal(value), signed=signed)


def part(value: str | int | Decimal | None) -> str:
    """A part of 1, as per cent without a sign."""
    return NONE if value is None else money.percent(Decimal(value))


def in_percent(value: str | None) -> str:
    """Per cent that a service wrote as a number."""
    return NONE if value is None else f"{money.display(Decimal(value))} %"


def percent(value: float | Decimal | None) -> str:
    """A ratio as per cent, with its sign."""
    return NONE if value is None else money.percent(value, signed=True)


def moment(value: datetime | None) -> str:
    """A moment in UTC, to the second."""
    return NONE if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def stated(value: str | None) -> str:
    """A moment that a service wrote, as `moment` writes it."""
    return NONE if value is None else moment(datetime.fromisoformat(value))


def day(value: date | None) -> str:
    """A date as 2025-07-17."""
    return NONE if value is None else value.isoformat()


def cell(value: object) -> str:
    """A value of a table of the database, exact: nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return money.plain(value)
    if isinstance(value, datetime):
        return moment(value)
    return f"{value}"


def is_a_date(cell: str) -> bool:
    """Whether a cell of a table is a date, as 2025-07-17."""
    return re.fullmatch(r"\d{4}-\d{2}-\d{2}", cell) is not None


def block_number(block_id: str) -> str:
    """The number of a block within its day: the id without its account and its day."""
    return block_id.rpartition(":")[2]


def listed(days: Sequence[date], most: int = 10) -> str:
    """Days in a row, the newest of them where there are more than `most`."""
    named = ", ".join(f"{day}" for day in days[-most:])
    return named if len(days) <= most else f"… {named} ({len(days):,} in all)"


def metrics(names: Iterable[str]) -> str:
    """Metrics in words, in a row."""
    return "; ".join(map(metric_name, names))


FILTERS: dict[str, Callable[..., Any]] = {
    "amount": amount,
    "block_number": block_number,
    "exact": money.plain,
    "gained": gained,
    "percent": percent,
    "figure": figure,
    "part": part,
    "in_percent": in_percent,
    "metric": metric_name,
    "metrics": metrics,
    "moment": moment,
    "stated": stated,
    "day": day,
    "full_date": clock.full_date,
}
