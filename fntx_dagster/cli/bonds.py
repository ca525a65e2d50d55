"""`fntx bond`: its commands, by what they are about."""

from __future__ import annotations

import typer

from fntx_dagster.cli.bond_asides import release, set_aside
from fntx_dagster.cli.bond_calculators import schedule, waterfall
from fntx_dagster.cli.bond_cash import cash, distribute, pay, receipt
from fntx_dagster.cli.bond_corrections import void, withdraw
from fntx_dagster.cli.bond_factory import create, events, list_, show, structure, submit, transition
from fntx_dagster.cli.bond_holders import holders, transfer
from fntx_dagster.cli.bond_reports import report

bond = typer.Typer(no_args_is_help=True, help="Bonds: their terms, what they owe, and who is paid.")

for command in (
    *(create, structure, submit, show, events, transition, holders, transfer),
    *(receipt, distribute, pay, cash, set_aside, release, withdraw, void),
    *(schedule, waterfall, report),
):
    bond.command()(command)
bond.command("list")(list_)
