"""`fntx audit`: the log of what was decided and done, its checkpoints and proofs."""

from __future__ import annotations

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson

audit = typer.Typer(
    no_args_is_help=True,
    help="The log of what was decided and done: append-only, sealed, checked by anybody.",
)


@audit.command()
def check(file: Input, as_json: AsJson = False) -> None:
    """Check proofs of an audit log, or make them, from cases in a file: no database, no key, no network. It prints
    JSON with or without --json; docs/audit.md describes the kinds of cases.

    fntx audit check --input cases.json --json
    """
    from fntx_dagster.services.auditing.calculator import check as check_case
    from fntx_dagster.services.auditing.calculator import repeated

    calculator(file, check_case, repeated)
