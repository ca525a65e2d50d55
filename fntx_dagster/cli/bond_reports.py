"""`fntx bond report`: what a trustee and an investor expect to read of a bond."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.options import AsJson, Output, day_option, settings_and_database
from fntx_dagster.cli.plain import write, write_json

if TYPE_CHECKING:
    from fntx_dagster.report.bond_report import BondReport


class BondReportKind(StrEnum):
    investor_statement = "investor_statement"
    trustee_report = "trustee_report"
    payment_reconciliation = "payment_reconciliation"
    lifecycle_status = "lifecycle_status"
    waterfall_summary = "waterfall_summary"
    portfolio_summary = "portfolio_summary"


def report(
    kind: Annotated[BondReportKind, typer.Argument(metavar="KIND", help="One of the six kinds above.")],
    bond_id: Annotated[
        str | None, typer.Argument(metavar="[BOND]", help="Its id, as `fntx bond list` has it; none for a portfolio.")
    ] = None,
    holder: Annotated[
        str | None, typer.Option(metavar="PARTY", help="Whose statement: the id of a party that holds units.")
    ] = None,
    on: Annotated[
        datetime | None,
        typer.Option(parser=day_option, metavar="YYYY-MM-DD", help="Counts as today; else the ledger's date."),
    ] = None,
    as_html: Annotated[bool, typer.Option("--html", help="One HTML file that needs no network.")] = False,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Write a report of a bond, from its schedule, its frozen distributions and what ledgers confirmed.

    \b
    investor_statement      what one holder has, and every payment to it
    trustee_report          what is outstanding, in arrears, retained; distributions, holders, steps
    payment_reconciliation  what was due, what counts as paid, what validated ledgers hold
    lifecycle_status        the state, its clocks, the steps taken and those possible now
    waterfall_summary       every distribution by the lines of its waterfall
    portfolio_summary       all bonds, and the sums of each currency

    \b
    fntx bond report trustee_report BOND-2026-1 --html -o trustee.html
    fntx bond report investor_statement BOND-2026-1 --holder ada --json
    """
    from fntx_dagster.cli.terminal import note
    from fntx_dagster.report.bond_html import bond_report_html
    from fntx_dagster.report.bond_report import bond_report_json
    from fntx_dagster.services.bonds.days import asked_day
    from fntx_dagster.services.bonds.reports import bond_report
    from fntx_dagster.services.reporting import write_whole

    if as_html and as_json:
        raise typer.BadParameter("--json and --html exclude each other")
    settings, db = settings_and_database()
    day = on.date() if on else asked_day(settings, db, bond_id) if bond_id else None
    found = bond_report(db, kind.value, bond_id, holder, day)
    if not as_html and not as_json and output is None:
        _as_tables(found)
        return
    text = bond_report_html(found) if as_html else bond_report_json(found)
    if output is not None:
        write_whole(output, text)
        note(f"Written: {output}")
    else:
        (write if as_html else write_json)(text)


def _as_tables(found: BondReport) -> None:
    from fntx_dagster.cli.terminal import out, report_table, styled, title
    from fntx_dagster.report.sheets import shown, table_of

    title(f"{found.title}: {found.subject}")
    currency = f", in {found.currency}" if found.currency else ""
    out(styled(f"As of {found.as_of}{currency}", "dim"))
    for text in found.notes:
        out(text)
    for figure in found.figures:
        out(f"{figure.label}: {shown(figure.value)}")
    for sheet in found.sheets:
        table = table_of(sheet)
        out(report_table(table, table.title) if table.rows else f"{sheet.title}: {sheet.empty}")
