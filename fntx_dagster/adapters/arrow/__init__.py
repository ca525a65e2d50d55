"""Tables for other programs: Parquet, and the DataFrames of a notebook (pyarrow, pandas).

What belongs here: the Arrow type of each kind of column. A decimal keeps every digit: a column has as many decimals as
its longest value. Both libraries are imported when a table is made, because they take a second.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Context, Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import DataTable, Kind

if TYPE_CHECKING:
    import pandas
    import pyarrow

_NARROW, _WIDE = 38, 76
"""The most digits of Arrow's decimals of 128 and of 256 bits."""
_EXACT = Context(prec=1000)
"""Takes idle zeros off without rounding: the default context has 28 digits."""


def parquet(table: DataTable) -> bytes:
    """The table as the bytes of a Parquet file. Raises Permanent where a decimal has more than 76 digits."""
    from pyarrow.parquet import write_table

    file = BytesIO()
    write_table(_arrow(table), file)
    return file.getvalue()


def data_frame(table: DataTable) -> pandas.DataFrame:
    """The table as a DataFrame: decimals as Decimal objects, moments as UTC timestamps, days as dates, whole numbers
    that may be missing as Int64, what is nested as dicts and lists with decimals as strings.

    Raises Permanent where a decimal has more than 76 digits.
    """
    import pandas
    import pyarrow

    mapped = {pyarrow.int64(): pandas.Int64Dtype(), pyarrow.bool_(): pandas.BooleanDtype()}
    frame = _arrow(table).to_pandas(types_mapper=mapped.get)
    for name, kind in table.columns.items():
        if kind == "json":
            frame[name] = frame[name].map(json.loads, na_action="ignore")
    return frame


def _arrow(table: DataTable) -> pyarrow.Table:
    import pyarrow

    columns = {
        name: _column(table.name, name, kind, [row[place] for row in table.rows])
        for place, (name, kind) in enumerate(table.columns.items())
    }
    return pyarrow.table(columns)


def _column(table: str, name: str, kind: Kind, values: Sequence[Any]) -> pyarrow.Array:
    import pyarrow

    if kind == "decimal":
        exact = [None if value is None else _EXACT.normalize(Decimal(value)) for value in values]
        return pyarrow.array(exact, type=_decimal_type(table, name, exact))
    if kind == "json":
        values = [None if value is None else json.dumps(value, default=_plain, ensure_ascii=False) for value in values]
    if kind == "text":
        values = [None if value is None else str(value) for value in values]
    if kind == "float":
        values = [None if value is None else float(value) for value in values]
    types = {
        "boolean": pyarrow.bool_(),
        "integer": pyarrow.int64(),
        "float": pyarrow.float64(),
        "date": pyarrow.date32(),
        "moment": pyarrow.timestamp("us", tz="UTC"),
        "duration": pyarrow.duration("us"),
    }
    return pyarrow.array(values, type=types.get(kind, pyarrow.string()))


def _decimal_type(table: str, name: str, values: Sequence[Decimal | None]) -> pyarrow.DataType:
    """The narrowest decimal that holds every value; none ends with a zero behind the point."""
    import pyarrow

    whole = scale = 0
    for value in values:
        if value:
            scale = max(scale, -int(value.as_tuple().exponent))
            whole = max(whole, value.adjusted() + 1)
    needed = max(whole, 1) + scale
    if needed > _WIDE:
        raise Permanent(f"{table}.{name} needs {needed} digits; Parquet and Arrow hold {_WIDE}", "Take CSV instead")
    return pyarrow.decimal128(_NARROW, scale) if needed <= _NARROW else pyarrow.decimal256(_WIDE, scale)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
