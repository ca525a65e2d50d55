"""A table for programs: named columns of one kind each, and exact values.

What belongs here: the shape, the names of the tables that can be had, and how rows become one. `report.spreadsheet`
writes it as CSV, `adapters/arrow` as Parquet and as a DataFrame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Kind = Literal["boolean", "integer", "decimal", "float", "date", "moment", "duration", "json", "text"]
"""What a column holds. Money, prices, quantities and rates are decimals, ratios and Greeks floats, moments aware and in
UTC; what is nested is JSON."""

TABLES = (
    "all_in",
    "blocks",
    "events",
    "fills",
    "greeks",
    "lots",
    "metrics",
    "portfolio",
    "positions",
    "round_trips",
    "stocks",
    "summary",
    "verification",
)
"""The tables of the database that can be had whole, by the name that a person gives."""

_KINDS: tuple[tuple[type, Kind], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (Decimal, "decimal"),
    (float, "float"),
    (datetime, "moment"),  # before date, which every datetime is
    (date, "date"),
    (timedelta, "duration"),
    (dict, "json"),
    (list, "json"),
)


class DataTable(NamedTuple):
    """`columns`: name → kind, in order; a row has a value or None for each of them."""

    name: str
    columns: Mapping[str, Kind]
    rows: Sequence[Sequence[Any]]


def of_rows(name: str, rows: Sequence[Mapping[str, Any]], empty: Mapping[str, Kind] | None = None) -> DataTable:
    """The table of rows that have the same keys. A column's kind is that of its values; `empty` says it where a column
    may hold none, which is text otherwise. Raises ValueError where a column mixes kinds other than numbers."""
    names = list(rows[0]) if rows else list(empty or {})
    columns: dict[str, Kind] = {
        column: _kind([row[column] for row in rows], column, (empty or {}).get(column)) for column in names
    }
    return DataTable(name, columns, [[row[column] for column in names] for row in rows])


def _kind(values: Iterable[Any], column: str, empty: Kind | None) -> Kind:
    kinds: set[Kind] = {_kind_of(value) for value in values if value is not None}
    if len(kinds) > 1 and kinds <= {"integer", "decimal", "float"}:
        return "float" if "float" in kinds else "decimal"
    if len(kinds) > 1:
        raise ValueError(f"the column {column} holds {' and '.join(sorted(kinds))}")
    return kinds.pop() if kinds else empty or "text"


def _kind_of(value: Any) -> Kind:
    for type_, kind in _KINDS:
        if isinstance(value, type_):
            return kind
    return "text"
