"""`fntx reconcile`: what the ledgers hold against what the configuration and our own records say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson, day_option, print_json, settings_and_database

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fntx_dagster.services.reconciling.reading import ReconItemRow, ReconRunRow

_DISCREPANCIES, _ONLY_ERRORS = 1, 75
_CODES = {"DISCREPANCIES_FOUND": _DISCREPANCIES, "ERROR": _ONLY_ERRORS}


class Scope(StrEnum):
    """Which checks."""

    FULL = "full"
    DEEP = "deep"
    XRPL = "xrpl"
    STELLAR = "stellar"


reconcile = typer.Typer(
    no_args_is_help=True,
    help="What the ledgers hold against what the configuration and our own records say.",
)


@reconcile.command()
def check(file: Input, as_json: AsJson = False) -> None:
    """Judge observations of ledgers against configurations and records from a file: no database, no network. It prints
    JSON with or without --json; docs/reconciliation.md describes a case.

    fntx reconcile check --input cases.json --json
    """
    from fntx_dagster.services.reconciling.calculator import check as check_case

    calculator(file, check_case)


@reconcile.command()
def run(
    scope: Annotated[
        Scope, typer.Option(help="full: 25 checks; deep: 5 more, with supply and signatures; or one ledger's.")
    ] = Scope.FULL,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write the report into FILE too, as HTML if it is .html."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask the ledgers and the database, compare, and keep the report. Nothing is changed on a ledger.

    The report is kept in the database and in the folder reports of the home; docs/reconciliation.md says what each
    check compares, and what to do about it. Exit code 0: everything is as it should be, 1: something differs, 75:
    nothing differs, and somebody gave no answer.

    fntx reconcile run --scope deep
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.reconciling.reading import kept, written_for
    from fntx_dagster.services.reconciling.running import run as run_now

    settings, db = settings_and_database()
    done = run_now(settings, db, scope.value)
    if output is not None:
        output.write_text(written_for(output.suffix, done.report), encoding="utf-8")
    if as_json:
        print_json(done.report)
    else:
        say(done.run, kept(db, done.run.run_no).items)
        out(f"The report is in {output or done.file}.")
    if code := _CODES.get(done.run.overall_status):
        raise typer.Exit(code)


@reconcile.command("list")
def list_runs(as_json: AsJson = False) -> None:
    """The reconciliations that were made, the newest first.

    fntx reconcile list
    """
    from fntx_dagster.cli.terminal import new_table, out
    from fntx_dagster.services.reconciling.reading import runs

    _, db = settings_and_database()
    found = runs(db)
    if as_json:
        print_json([each._asdict() for each in found])
        return
    table = new_table("number", "when (UTC)", "scope", "came to", right=("matched", "differ", "pending", "errors"))
    for each in found:
        counts = (each.matched, each.mismatched, each.pending, each.errors)
        when = f"{each.ran_at.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(f"{each.run_no}", when, each.scope, each.overall_status, *(f"{count}" for count in counts))
    out(table if found else "Nothing was reconciled yet: `fntx reconcile run`.")


@reconcile.command()
def show(
    number: Annotated[
        int | None, typer.Argument(metavar="[NUMBER]", help="Left out: the newest.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="Write its report into FILE, as HTML if it is .html."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """One reconciliation: everything that was not as it should be. With --json the whole report.

    fntx reconcile show 12 -o report.html
    """
    from fntx_dagster.services.reconciling.reading import kept, written_for

    _, db = settings_and_database()
    found = kept(db, number)
    if output is not None:
        output.write_text(written_for(output.suffix, found.report), encoding="utf-8")
    if as_json:
        print_json(found.report)
    else:
        say(found.run, found.items)


@reconcile.command()
def statement(
    total: Annotated[str, typer.Argument(metavar="TOTAL", help="In the token; of XRP in drops.", show_default=False)],
    token: Annotated[str, typer.Option(metavar="CODE", help="The token, such as OPTKAS.ESCROW.", show_default=False)],
    as_of: Annotated[
        datetime | None,
        typer.Option(parser=day_option, metavar="DATE", help="The day of the statement. Left out: today (UTC)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Enter what the custodian states stands in escrow: escrow.custody compares the escrows with the newest.

    fntx reconcile statement 250000.00 --token OPTKAS.ESCROW --as-of 2026-11-30
    """
    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.reconciling.reading import state_custody

    settings, db = settings_and_database()
    day: date = (as_of or datetime.now(UTC)).date()
    number = state_custody(settings, db, _amount(total), token, day)
    if as_json:
        print_json({"statement": number, "total": total, "token": token, "as_of": day})
    else:
        out(f"The statement {number} is kept: {total} {token} on {day}.")


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is no amount") from None


def say(run: ReconRunRow, items: Iterable[ReconItemRow]) -> None:
    """Print what a run came to, and each item that is no match."""
    from fntx_dagster.cli.terminal import out

    counts = f"{run.matched} match, {run.mismatched} differ, {run.pending} are pending, {run.errors} have no answer"
    out(f"Reconciliation {run.run_no}, {run.scope}: {run.overall_status}. {counts}.")
    for item in items:
        if item.status != "MATCH":
            words = item.details or [f"expected {item.expected}, found {item.actual}"]
            out(f"{item.status:<8}  {item.id}", *(f"          {each}" for each in words))
