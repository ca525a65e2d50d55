"""`fntx reconcile`: what the ledgers hold against what the configuration and our own records say."""

from __future__ import annotations

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson

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
