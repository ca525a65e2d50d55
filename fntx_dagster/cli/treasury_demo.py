"""`fntx demo --treasury`: tokens are issued because people decided it, and three ledgers prove the log of it.

Simulated ledgers are processes of their own, and so is each signer, who holds his keys and signs by the programs of
`sign/`. This module makes the home and tells the story; the steps on a transaction are in `issue_demo`, those on the
log in `anchors_demo`. The demo makes its home anew each time, and ends the processes that it started.
"""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from pathlib import Path

from fntx_dagster.cli.anchors_demo import anchor_and_prove, anchor_key
from fntx_dagster.cli.commands import command
from fntx_dagster.cli.demo_signers import DemoSigner, with_accounts, with_keys, words_signed
from fntx_dagster.cli.demo_treasury import BY, OWNERS, SIGNERS, DemoTreasury, configuration, simulated_ledgers
from fntx_dagster.cli.issue_demo import issue_on_stellar, issue_on_xrpl
from fntx_dagster.cli.live_demo import home_of_its_own
from fntx_dagster.cli.serving import end_by_signals
from fntx_dagster.cli.setup_demo import authorise_customer, set_up_issuers
from fntx_dagster.cli.terminal import GOOD, line, note, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.database import open_database
from fntx_dagster.services.governance.signers import enroll, to_register
from fntx_dagster.services.screening.addresses import set_address
from fntx_dagster.services.screening.lists import load_list
from fntx_dagster.services.screening.parties import set_party
from fntx_dagster.settings import SIGNING, Settings, export, load_settings
from fntx_dagster.simulate.sanctions import LISTED, write_list

_FOLDER = "demo-treasury"
_REGISTERED = ("scheme", "public_key", "xrpl", "stellar")


def run_treasury_demo(settings: Settings) -> None:
    """Run and show it. Permanent where the settings name a database, a chain or a ledger of somebody's, or a step
    fails."""
    treasury = settings.treasury
    if any((settings.database.url, settings.chain.rpc_url, treasury.config, treasury.xrpl_url, treasury.horizon_url)):
        raise Permanent(
            "the demo moves made-up money, and the settings name a database, a chain or a treasury",
            "Unset FNTX_DATABASE_URL, FNTX_RPC_URL, FNTX_TREASURY_CONFIG, FNTX_XRPL_URL and FNTX_HORIZON_URL for it",
        )
    end_by_signals()
    folder = settings.paths.home / _FOLDER
    with home_of_its_own(folder):
        signers, owners = _people(folder / "people")
        keystore = folder / "anchors" / "anchor-key.json"
        keystore.parent.mkdir()
        owners |= {"attestation": DemoSigner("attestation", keystore.parent, anchor_key(keystore))}
        with simulated_ledgers(folder / "ledgers", owners) as served:
            config = folder / "treasury.json"
            config.write_text(json.dumps(configuration(signers, owners), indent=2), encoding="utf-8")
            export(
                {
                    "FNTX_HOME": str(folder),
                    "FNTX_TREASURY_CONFIG": str(config),
                    "FNTX_XRPL_URL": served.xrpl,
                    "FNTX_HORIZON_URL": served.horizon,
                }
            )
            note("Starting the embedded database …")
            own = load_settings()
            demo = DemoTreasury(own, open_database(own), folder, signers, owners, served)
            _enroll(demo)
            _know_parties(demo)
            set_up_issuers(demo)
            authorise_customer(demo)
            issue_on_xrpl(demo)
            issued = status(demo.settings, demo.db).events - 1  # the last event of a confirmed issue is iou_issued
            issue_on_stellar(demo)
            anchor_and_prove(demo, keystore, issued)
        _what_next(folder)


def _people(folder: Path) -> tuple[list[DemoSigner], dict[str, DemoSigner]]:
    """The signers, and who has accounts, each with keys of his own."""
    title("Three people, each with keys of his own")
    signers = with_keys(folder, SIGNERS)
    owners = with_accounts(folder.with_name("accounts"), OWNERS)
    for signer in signers:
        out(f"{signer.name:<12}{signer.public['xrpl']:<36}{signer.public['stellar']}")
    out(f"Each made his keys in a process of his own, in {folder}; FNTX gets the public ones and reads no key.")
    return signers, owners


def _enroll(demo: DemoTreasury) -> None:
    """Each signs that his key is his; nobody else can be put in his place."""
    rows = [
        {"id": each.name, "role": each.name} | {name: each.public[name] for name in _REGISTERED}
        for each in demo.signers
    ]
    words = [content for _, content in to_register(demo.settings, {"signers": rows})]
    for row, signature in zip(rows, words_signed(demo.signers, words), strict=True):
        row["signature"] = signature
    (demo.folder / "signers.json").write_text(json.dumps({"signers": rows}, indent=2), encoding="utf-8")
    version = enroll(demo.settings, demo.db, {"signers": rows}, BY)
    out(line(GOOD, f" Each signed his registration: the signer set {version} decides, two of three, or all three."))


def _know_parties(demo: DemoTreasury) -> None:
    title("Who may be paid")
    file = demo.folder / "targets.simple.csv"
    write_list(file)
    loaded = load_list(demo.settings, demo.db, file, dated_at=datetime.now(UTC), by=BY)
    out(f"A sanctions list of {loaded.version.entities} entities is loaded, all of them made up: {file.name}.")
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
