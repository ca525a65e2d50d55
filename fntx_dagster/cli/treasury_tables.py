"""`fntx treasury machines` and `check`: which steps are possible, and what decisions come to; no database is asked."""

from __future__ import annotations

from typing import Annotated

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson, print_json
from fntx_dagster.cli.plain import write


def machines(
    mermaid: Annotated[
        str | None, typer.Option(metavar="NAME", help="Draw one as a diagram: bond, escrow, proposal or ledger_tx.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Every step that a bond, an escrow, a proposal and a ledger transaction can take.

    fntx treasury machines --mermaid escrow
    """
    from rich.table import Table

    from fntx_dagster.cli.terminal import out
    from fntx_dagster.services.governance.tables import diagram, machine_tables

    if mermaid is not None:
        write(diagram(mermaid))
        return
    tables = machine_tables()
    if as_json:
        print_json(tables)
        return
    for name, steps in tables.items():
        table = Table("state", "event", "next", "guard", "approvals", title=name, title_justify="left")
        for step in steps:
            table.add_row(*(str(step[column] or "") for column in ("state", "event", "next", "guard", "approvals")))
        out(table)


def check(file: Input, as_json: AsJson = False) -> None:
    """Say of proposals with their signers and decisions where they stand. No database, no network, no key is used.

    fntx treasury check --input cases.json
    """
    from fntx_dagster.services.governance.calculator import check

    calculator(file, check)
