"""`fntx bond`: its commands, by what they are about."""

from __future__ import annotations

import typer

from fntx_dagster.cli.bond_calculators import schedule, waterfall

bond = typer.Typer(no_args_is_help=True, help="Bonds: their terms, what they owe, and who is paid.")

for command in (schedule, waterfall):
    bond.command()(command)
