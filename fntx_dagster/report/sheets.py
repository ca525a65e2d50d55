"""A table of values that is written twice: as display texts for people, and exactly for programs.

An amount is shown with the decimals of its currency, `12,500.00`, and written `12500.00`; a rate is shown `5.00 %` and
written `0.05`; a day is `2026-03-31`, a moment is given in UTC.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.report import clock, money
from fntx_dagster.report.tables import Table


class CurrencyAmount(NamedTuple):
    """An amount and how many decimals its currency has."""

    value: Decimal
    decimals: int


class YearlyRate(NamedTuple):
    """A rate a year: 0.05 for 5 %."""

    ratio: Decimal


Cell = str | int | Decimal | date | datetime | CurrencyAmount | YearlyRate | None


class Sheet(NamedTuple):
    """A table of values. `columns`: the name for programs and the header for people; the first `words` are words.
    `empty` is said where there is no row."""

    name: str
    title: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    totals: tuple[Cell, ...] = ()
    words: int = 1
    footnote: str = ""


def summed(rows: tuple[tuple[Cell, ...], ...], label: str = "Total") -> tuple[Cell, ...]:
    """The sums of the columns that hold nothing but amounts of as many decimals, None of others, behind a label."""
    columns = [*zip(*rows, strict=True)]
    return (label, *(_sum(column) for column in columns[1:])) if len(rows) > 1 else ()


def table_of(sheet: Sheet) -> Table:
    """The sheet for people."""
    return Table(
        headers=tuple(header for _, header in sheet.columns),
        rows=tuple(tuple(shown(cell) for cell in row) for row in sheet.rows),
        totals=tuple("" if cell is None else shown(cell) for cell in sheet.totals),
        footnote=sheet.footnote,
        title=sheet.title,
        words=sheet.words,
    )


def document_of(sheet: Sheet) -> list[dict[str, Any]]:
    """The rows for programs, by the names of the columns."""
    return [{name: exact(cell) for (name, _), cell in zip(sheet.columns, row, strict=True)} for row in sheet.rows]


def totals_of(sheet: Sheet) -> dict[str, Any]:
    """The totals for programs, without their label."""
    named = [*zip((name for name, _ in sheet.columns), sheet.totals, strict=True)]
    return {name: exact(cell) for name, cell in named[1:] if cell is not None}


def shown(cell: Cell) -> str:
    """A value as people read it; nothing is a dash."""
    if isinstance(cell, CurrencyAmount):
        return f"{cell.value:,.{cell.decimals}f}"
    if isinstance(cell, YearlyRate):
        return f"{money.exactly(cell.ratio * 100)} %"
    if isinstance(cell, datetime):
        return clock.utc_minute(cell)
    if isinstance(cell, Decimal):
        return money.quantity(cell)
    return "–" if cell is None else str(cell)


def exact(cell: Cell) -> Any:
    """A value as programs read it: amounts, rates and quantities as texts, numbers that count as numbers."""
    if isinstance(cell, CurrencyAmount):
        return f"{cell.value:.{cell.decimals}f}"
    if isinstance(cell, YearlyRate):
        return money.plain(cell.ratio)
    if isinstance(cell, datetime):
        return clock.utc_stamp(cell)
    if isinstance(cell, Decimal):
        return money.plain(cell)
    return cell.isoformat() if isinstance(cell, date) else cell


def _sum(column: tuple[Cell, ...]) -> CurrencyAmount | None:
    amounts = [cell for cell in column if isinstance(cell, CurrencyAmount)]
    if len(amounts) < len(column) or len({amount.decimals for amount in amounts}) != 1:
        return None
    return CurrencyAmount(sum((amount.value for amount in amounts), Decimal(0)), amounts[0].decimals)
