"""`fntx tax`: a year's realised gains, and the list that a tax program reads."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.files import asked_for, hand_out, hand_out_table
from fntx_dagster.cli.options import AnyAccount, AsJson, AsTable, Output, TableFormat, settings_and_database


def tax(
    year: Annotated[int, typer.Option(min=2000, max=2099, metavar="YYYY", help="The calendar year, in New York.")],
    account: AnyAccount = None,
    format: AsTable = TableFormat.table,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """A year's realised gains by lot: the premiums of options in the shares, wash sales, the broker's figures beside.

    CSV has the columns of Form 8949, to the cent, for a tax program; JSON and Parquet have every digit. It is no tax
    advice: docs/tax.md says what it does not decide.

    fntx tax --year 2025 --format csv -o 2025.csv
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.report.tax import TOTAL_HEADERS, tax_notes, total_rows
    from fntx_dagster.services.tax import COLUMNS, form_table, tax_rows, tax_sales

    form = asked_for(format, as_json=as_json, output=output)
    settings, db = settings_and_database()
    sales = tax_sales(settings, db, year, account)
    rows = tax_rows(sales)
    if form is TableFormat.csv:
        hand_out_table(form_table(sales), form, output)
    elif form is not TableFormat.table:
        hand_out("tax", rows, form, output, COLUMNS)
    else:
        table = new_table(*TOTAL_HEADERS[:4], right=TOTAL_HEADERS[4:])
        table.title = f"Realised in {year}"
        for row in total_rows(rows):
            table.add_row(*row)
        out(table, *tax_notes(rows))
