"""`fntx treasury`: its commands, by what they are about."""

from __future__ import annotations

import typer

from fntx_dagster.cli.treasury_accounts import rotation, setup
from fntx_dagster.cli.treasury_anchors import anchor_key, end_standing, sign_anchors
from fntx_dagster.cli.treasury_flows import authorize, distribute, freeze, issue, redeem, tokens, trust
from fntx_dagster.cli.treasury_proposals import cancel, decide, expire, list_, propose, screen, show
from fntx_dagster.cli.treasury_signers import enroll, pause, resume, rotate, signers
from fntx_dagster.cli.treasury_submission import confirm, export, import_, queue, submit
from fntx_dagster.cli.treasury_tables import check, machines
from fntx_dagster.cli.treasury_transactions import build, combine

treasury = typer.Typer(no_args_is_help=True, help="The treasury: nothing moves unless people decided it.")

for command in (
    *(enroll, signers, rotate, rotation, pause, resume, setup),
    *(propose, screen, show, decide, cancel, expire),
    *(tokens, trust, authorize, issue, distribute, redeem, freeze),
    *(export, submit, confirm, queue),
    *(sign_anchors, anchor_key, end_standing),
    *(build, check, combine, machines),
):
    treasury.command()(command)
treasury.command("list")(list_)
treasury.command("import")(import_)
