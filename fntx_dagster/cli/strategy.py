"""`fntx strategy`: orders on the exchange of the XRP Ledger, cut into slices and watched by a risk controller."""

from __future__ import annotations

import typer

from fntx_dagster.cli.calculators import Input, calculator
from fntx_dagster.cli.options import AsJson

strategy = typer.Typer(
    no_args_is_help=True,
    help="Trade on the exchange of the XRP Ledger: slices, limits, breaker. (`fntx strategies`: options sold.)",
)


@strategy.command()
def check(file: Input, as_json: AsJson = False) -> None:
    """Cut quantities into slices, and judge orders by the limits of a desk. No database, no network, no key is used.

    fntx strategy check --input cases.json
    """
    from fntx_dagster.services.execution.calculator import check

    calculator(file, check)
