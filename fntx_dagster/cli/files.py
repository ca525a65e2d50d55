"""Tables for other programs: `fntx table`, and what `--format json|csv|parquet` and `-o` do for every command that
prints a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fntx_dagster.cli.options import (
    AnyAccount,
    AsJson,
    MaybeFrom,
    MaybeTo,
    Output,
    TableFormat,
    settings_and_database,
)
from fntx_dagster.cli.plain import write, write_json
from fntx_dagster.model.data_table import TABLES
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.report.programs import json_text

if TYPE_CHECKING:
    from fntx_dagster.model.data_table import DataTable, Kind


def _table_name(text: str) -> str:
    if text not in TABLES:
        raise typer.BadParameter(f"{text!r} is no table: it is one of {', '.join(TABLES)}")
    return text


class FileFormat(StrEnum):
    json = "json"
    csv = "csv"
    parquet = "parquet"


def table(
    name: Annotated[str, typer.Argument(parser=_table_name, metavar="NAME", help=f"{', '.join(TABLES)}.")],
    first: MaybeFrom = None,
    last: MaybeTo = None,
    account: AnyAccount = None,
    format: Annotated[
        FileFormat, typer.Option(help="CSV, JSON, or Parquet into a file, each with exact decimals.")
    ] = FileFormat.csv,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """A table of the database, whole or of a range of days, for a spreadsheet, a notebook or another program.

    docs/tables.md describes the tables; `fntx_dagster.frames` hands them to a notebook.

    fntx table round_trips --from 2025-07-01 --to 2025-07-31 --format parquet -o july.parquet
    """
    from fntx_dagster.services.data_tables import data_table

    form = asked_for(TableFormat(format.value), as_json=as_json, output=output)
    period = Period(first.date() if first else EVER.first, last.date() if last else EVER.last)
    _, db = settings_and_database()
    hand_out_table(data_table(db, name, period, account), form, output)


def asked_for(format: TableFormat, *, as_json: bool, output: Path | None) -> TableFormat:
    """The format that the options name together; a wrong command line where they do not fit."""
    chosen = TableFormat.json if as_json else format
    if chosen is TableFormat.parquet and output is None:
        raise typer.BadParameter("Parquet is not text: give the file with -o", param_hint="--format")
    if chosen is TableFormat.table and output is not None:
        raise typer.BadParameter("a file needs --format json, csv or parquet", param_hint="--output")
    return chosen


def hand_out(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    format: TableFormat,
    output: Path | None,
    empty: Mapping[str, Kind] | None = None,
) -> None:
    """Print a service's rows, or write them to a file. `empty` gives the kinds of columns that may hold nothing."""
    from fntx_dagster.services.data_tables import rows_table

    if format is TableFormat.json:
        _hand_out_json(rows, output)
    else:
        hand_out_table(rows_table(name, rows, empty), format, output)


def hand_out_table(content: DataTable, format: TableFormat, output: Path | None) -> None:
    """Print a table, or write it to a file."""
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.data_tables import table_text, write_table

    if format is TableFormat.json:
        _hand_out_json([dict(zip(content.columns, row, strict=True)) for row in content.rows], output)
    elif output is None:
        write(table_text(content))
    else:
        write_table(content, "csv" if format is TableFormat.csv else "parquet", output)
        note(f"Written: {output}")


def _hand_out_json(rows: Sequence[Mapping[str, Any]], output: Path | None) -> None:
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.services.reporting import write_whole

    if output is None:
        write_json(json_text(rows))
    else:
        write_whole(output, json_text(rows))
        note(f"Written: {output}")
