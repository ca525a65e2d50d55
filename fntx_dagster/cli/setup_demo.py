"""The accounts of `fntx demo --treasury`: their own keys hand them over to the signers, under one approval for each
ledger; and a customer's line, which the issuer authorises."""

from __future__ import annotations

from pathlib import Path

from fntx_dagster.cli.demo_ledgers import open_line
from fntx_dagster.cli.demo_signers import transactions_signed
from fntx_dagster.cli.demo_treasury import BOND, BOND_CODE, BY, LIMIT, NETWORK_ID, DemoTreasury, must
from fntx_dagster.cli.issue_demo import decide_together, signed_and_sent, taken
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.services.account_setup.setting_up import set_up
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.transactions.exporting import export_files

_WAIT = 30


def set_up_issuers(demo: DemoTreasury) -> None:
    """Give both issuers to the signers. Permanent where a ledger does not say so afterwards."""
    title("The issuers' accounts go from their own keys to the signers")
    for ledger in ("xrpl", "stellar"):
        folder = demo.folder / "to-sign" / ledger
        asked = set_up(demo.settings, demo.db, ledger, "issuer", folder)
        must(asked.proposal is not None, f"the set-up on {ledger} is not proposed")
        assert asked.proposal is not None
        decide_together(demo, asked.proposal, demo.signers)
        files = set_up(demo.settings, demo.db, ledger, "issuer", folder).files
        taken(demo, [each for file in files for each in transactions_signed([demo.owners["issuer"]], ledger, file)])
        done = set_up(demo.settings, demo.db, ledger, "issuer", folder, _WAIT)
        must(done.is_done, f"the issuer on {ledger} is not set up: {done.next}")
        steps = ", ".join(step.step for plan in done.accounts for step in plan.steps)
        out(line(GOOD, f" {ledger}: {steps}; its own key moves nothing any more."))


def authorise_customer(demo: DemoTreasury) -> None:
    """Let a customer open a line, and let two authorise it."""
    title("customer-17 opens a line with his own wallet, and two authorise it")
    seed = demo.owners["customer-17"].folder / "keys" / "xrpl.seed"
    open_line(demo.ledgers.xrpl, seed, demo.xrpl("issuer"), BOND_CODE, str(LIMIT))
    params = {"currency": BOND, "holder": demo.xrpl("customer-17")}
    intent = {"op": "trustline.authorize", "account": demo.xrpl("issuer"), "params": params}
    payload = {"ledger": "xrpl", "network_id": NETWORK_ID, "intent": intent}
    proposal = propose(demo.settings, demo.db, "trustline.authorize", payload, by=BY)
    two = demo.signers[1:]
    decide_together(demo, proposal, two)
    [file] = export_files(demo.settings, demo.db, proposal, Path(demo.folder / "to-sign"), BY)
    settled = signed_and_sent(demo, proposal, transactions_signed(two, "xrpl", file))
    out(line(GOOD, f" Authorised in ledger {settled.ledger}: from now on it can hold {BOND}."))
