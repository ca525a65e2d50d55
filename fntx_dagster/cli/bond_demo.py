"""`fntx demo --bond`: a bond from its draft to its redemption in nine months of a simulated ledger, every step decided
by people, anchored and reconciled; then somebody alters one line on the ledger, and the reconciliation names it.

`demo_world` makes ledgers, people and a database. This module tells the story; its chapters are in `bond_setup_demo`,
`bond_funding_demo`, `bond_months_demo` and `bond_reconcile_demo`.
"""

from __future__ import annotations

import shlex

from fntx_dagster.cli.bond_funding_demo import fund_bond, make_bond
from fntx_dagster.cli.bond_months_demo import quarters
from fntx_dagster.cli.bond_reconcile_demo import anchor_log, reconcile_all
from fntx_dagster.cli.bond_setup_demo import know_parties, open_lines, set_up_accounts
from fntx_dagster.cli.commands import command
from fntx_dagster.cli.demo_bond import BOND_ID, BOND_OWNERS, bond_configuration
from fntx_dagster.cli.demo_treasury import DemoTreasury
from fntx_dagster.cli.demo_world import WorldPlan, demo_world
from fntx_dagster.cli.terminal import out, title
from fntx_dagster.settings import Settings

_PLAN = WorldPlan("demo-bond", BOND_OWNERS, BOND_OWNERS, bond_configuration, moves_time=True)


def run_bond_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database, a chain or a ledger of somebody's, or a step
    fails."""
    with demo_world(settings, _PLAN) as demo:
        know_parties(demo)
        set_up_accounts(demo)
        open_lines(demo)
        make_bond(demo)
        fund_bond(demo)
        quarters(demo)
        anchor_log(demo)
        reconcile_all(demo)
        _what_next(demo)


def _what_next(demo: DemoTreasury) -> None:
    title("What to look at")
    on = ["--on", f"{demo.ledgers.closed_at():%Y-%m-%d}"]
    commands = {
        command("bond", "events", BOND_ID): "every step of the bond, with its number in the log",
        command("bond", "report", "waterfall_summary", BOND_ID, *on): "what came in, and who got it",
        command("bond", "report", "investor_statement", BOND_ID, "--holder", "ada", *on): "what ada was paid",
        command("bond", "report", "trustee_report", BOND_ID, *on): "what a trustee sees",
        command("reconcile", "show"): "what differed",
        command("reconcile", "show", "1", "--json"): "the clean report, with all its checks",
        command("audit", "status", "--whole"): "the log: each event opened and hashed anew",
        command("db", "stop"): "end the database that these start",
    }
    out(f"export FNTX_HOME={shlex.quote(str(demo.folder))}")
    for called, what in commands.items():
        out(f"  {called}", f"      {what}")
    out("docs/bonds.md, docs/escrows.md and docs/reconciliation.md lead through the same on your own machines.")
