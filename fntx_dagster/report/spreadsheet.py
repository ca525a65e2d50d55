"""A table for programs as CSV text: every digit, one form for each kind of value.

Decimals are written out (no exponent, no grouping), floats so that they read back as they are, days and moments in ISO
form (moments in UTC), durations in seconds, what is undefined as nothing. A text that a spreadsheet would take for a
formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

from fntx_dagster.foreign import cleaned, escaped_json
from fntx_dagster.model.data_table import DataTable, Kind
from fntx_dagster.report import money

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the same signs in full width, which spreadsheets read alike."""


def to_csv(table: DataTable) -> str:
    """The table with a line of names above its rows (RFC 4180, with line feeds)."""
    return csv_head(table.columns) + csv_lines(table.columns, table.rows)


def csv_head(columns: Iterable[str]) -> str:
    """The line of names alone."""
    drawn = StringIO()
    csv.writer(drawn, lineterminator="\n").writerow(columns)
    return drawn.getvalue()


def csv_lines(columns: Mapping[str, Kind], rows: Iterable[Iterable[Any]]) -> str:
    """Rows without the line of names, for a table that is written piece by piece."""
    drawn = StringIO()
    cells = [_CELLS[kind] for kind in columns.values()]
    csv.writer(drawn, lineterminator="\n").writerows(
        ["" if value is None else cell(value) for cell, value in zip(cells, row, strict=True)] for row in rows
    )
    return drawn.getvalue()


def to_json_text(value: Any) -> str:
    """What is nested in a cell, on one line: decimals as exact strings, hidden characters as their escapes."""
    return escaped_json(json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":")))


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return money.plain(value)
    if isinstance(value, datetime):
        return _moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _decimal(value: Any) -> str:
    return money.plain(Decimal(value))


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(value: Any) -> str:
    text = cleaned(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


_CELLS: dict[Kind, Callable[[Any], str]] = {
    "boolean": lambda value: "true" if value else "false",
    "integer": str,
    "decimal": _decimal,
    "float": lambda value: repr(float(value)),
    "date": lambda value: value.isoformat(),
    "moment": _moment,
    "duration": lambda value: repr(value.total_seconds()),
    "json": to_json_text,
    "text": _text,
}
