"""`fntx demo --treasury`: tokens are issued because people decided it, and three ledgers prove the log of it.

Simulated ledgers are processes of their own, and so is each signer, who holds his keys and signs by the programs of
`sign/`: `demo_world` makes them. This module tells the story; the steps on a transaction are in `issue_demo`, those on
the log in `anchors_demo`.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from fntx_dagster.cli.anchors_demo import anchor_and_prove, anchor_key
from fntx_dagster.cli.commands import command
from fntx_dagster.cli.demo_signers import DemoSigner
from fntx_dagster.cli.demo_treasury import BY, HOUSE, DemoTreasury, configuration, load_made_up_list
from fntx_dagster.cli.demo_world import WorldPlan, demo_world
from fntx_dagster.cli.issue_demo import issue_on_stellar, issue_on_xrpl
from fntx_dagster.cli.setup_demo import authorise_customer, set_up_issuers
from fntx_dagster.cli.terminal import out, title
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import SIGNING, Settings
from fntx_dagster.simulate.sanctions import LISTED

_KEYSTORE = "anchor-key.json"
_CUSTOMERS = ("customer-17", "customer-18")
_PLAN = WorldPlan(
    "demo-treasury",
    (*HOUSE, *_CUSTOMERS),
    ("issuer", "house", "attestation", "customer-17"),
    configuration,
    lambda folder: {"attestation": _anchorer(folder)},
)


def run_treasury_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database, a chain or a ledger of somebody's, or a step
    fails."""
    with demo_world(settings, _PLAN) as demo:
        _know_parties(demo)
        set_up_issuers(demo)
        authorise_customer(demo)
        issue_on_xrpl(demo)
        issued = status(demo.settings, demo.db).events - 1  # the last event of a confirmed issue is iou_issued
        issue_on_stellar(demo)
        anchor_and_prove(demo, demo.owners["attestation"].folder / _KEYSTORE, issued)
        _what_next(demo.folder)


def _anchorer(folder: Path) -> DemoSigner:
    """The anchor key, which a process of its own makes and holds."""
    place = folder / "anchors"
    place.mkdir()
    return DemoSigner("attestation", place, anchor_key(place / _KEYSTORE))


def _know_parties(demo: DemoTreasury) -> None:
    title("Who may be paid")
    out(load_made_up_list(demo))
    for party, name, born in (("customer-17", "Helena Brightwater", "1970"), ("customer-18", *LISTED)):
        set_party(demo.settings, demo.db, party, name, "Person", born, by=BY)
        set_address(demo.db, party, demo.xrpl(party), by=BY)
    set_party(demo.settings, demo.db, "house", "Demo Treasury", "Company", by=BY)
    out("Known are customer-17 and customer-18, each with its address on the XRP Ledger, and the house itself.")


def _what_next(folder: Path) -> None:
    title("What to look at")
    home = f"FNTX_HOME={shlex.quote(str(folder))}"
    commands = {
        command("treasury", "list", "--state", "all"): "every proposal, and who decided",
        command("audit", "status", "--whole"): "the log: each event opened and hashed anew",
        command("audit", "export", "-o", "audit-events.jsonl"): "the sealed log, for an auditor",
        command("db", "stop"): "end the database that these start",
    }
    out(f"export {home}")
    for called, what in commands.items():
        out(f"  {called:<44}  {what}")
    out(f"The same on your own machines, with the programs in {SIGNING}: docs/treasury.md leads through it.")
