"""Tables for other programs: taken from the database whole, or made of a service's rows, and written as CSV, Parquet
or a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fntx_dagster.adapters import arrow
from fntx_dagster.errors import Permanent
from fntx_dagster.model.data_table import TABLES, DataTable, Kind, of_rows
from fntx_dagster.model.nav import RETURN_FIELDS, NavDay
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.report.spreadsheet import to_csv
from fntx_dagster.services.accounts import chosen_account
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.services.reporting import write_whole
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import data_tables

if TYPE_CHECKING:
    import pandas

FileFormat = Literal["csv", "parquet"]


def data_table(db: Database, name: str, period: Period = EVER, account: str | None = None) -> DataTable:
    """A table of the database by its name in `TABLES`: its rows of a range, by account and day.

    Raises Permanent where there is no such table, the range ends before it begins, the account is not loaded, or
    nothing is built yet.
    """
    if name not in TABLES:
        raise Permanent(f"there is no table {name!r}", f"The tables are {', '.join(TABLES)}")
    refuse_backwards(period)
    with db.snapshot() as snapshot:
        table = data_tables.data_table(
            snapshot, name, period, None if account is None else chosen_account(snapshot, account)
        )
    return _with_returns(table) if name == "summary" else table


def _with_returns(summary: DataTable) -> DataTable:
    """The summary of days with their returns, as `fntx summary` has them."""
    places = [list(summary.columns).index(name) for name in RETURN_FIELDS]
    rows = [[*row, NavDay(*(row[place] for place in places)).daily_return] for row in summary.rows]
    return DataTable(summary.name, {**summary.columns, "daily_return": "float"}, rows)


def column_kinds(db: Database, name: str) -> Mapping[str, Kind]:
    """The columns of a table of the database with their kinds, for rows of a service that may hold nothing in one."""
    return data_table(db, name, Period.on(EVER.last)).columns


def table_text(table: DataTable) -> str:
    """The table as CSV with exact decimals."""
    return to_csv(table)


def write_table(table: DataTable, form: FileFormat, file: Path) -> None:
    """Write a table to a file, whole or not at all. Raises Permanent where the folder does not exist, or a decimal has
    more digits than Parquet holds."""
    write_whole(file, to_csv(table) if form == "csv" else arrow.parquet(table))


def rows_table(name: str, rows: Sequence[Mapping[str, Any]], empty: Mapping[str, Kind] | None = None) -> DataTable:
    """The rows of a service as a table; `empty` gives the kinds of columns that may hold nothing."""
    return of_rows(name, rows, empty)


def data_frame(table: DataTable) -> pandas.DataFrame:
    """The table as a DataFrame, decimals as Decimal objects."""
    return arrow.data_frame(table)
