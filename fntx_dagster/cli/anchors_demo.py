"""The log of `fntx demo --treasury`: a checkpoint, its anchors on three ledgers, the proof of an event, and a stranger
who checks it in fresh processes. The anchor key is a process's own, as a signer's keys are."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fntx_dagster.cli.commands import command
from fntx_dagster.cli.demo_treasury import BY, NETWORK_ID, PASSPHRASE, DemoTreasury, must
from fntx_dagster.cli.issue_demo import decide_together
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.report.programs import json_text
from fntx_dagster.services.anchoring.everywhere import anchor_everywhere
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.auditing.proving import anchors_of, prove
from fntx_dagster.services.chain import serve
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.settings import VERIFYING, executable

_LEDGERS = ("xrpl", "stellar", "evm")
_UNKNOWN, _WITHIN = 75, 30


def anchor_key(file: Path) -> dict[str, str]:
    """Let a process make the anchor key; its address on each ledger."""
    made = subprocess.run(
        [executable("fntx"), "treasury", "anchor-key", str(file), "--json"], capture_output=True, text=True
    )
    must(made.returncode == 0, f"the anchor key was not made: {made.stderr.strip()}")
    return json.loads(made.stdout)


def anchor_and_prove(demo: DemoTreasury, keystore: Path, seq: int) -> None:
    """Anchor the log, and prove an event by its number. Permanent where a stranger does not find that it holds."""
    _let_one_key_anchor(demo)
    title("The log of all this, on three ledgers")
    done = anchor_everywhere(demo.settings, demo.db, datetime.now(UTC), ledgers=_LEDGERS)
    if done.failure:
        raise done.failure
    out(f"{command('treasury', 'sign-anchors', '--keystore', keystore.name)}, a process of its own:")
    out(*(f"  {said}" for said in _signed_anchors(keystore).splitlines()))
    anchors = anchors_of(demo.db)
    must({row.anchor.ledger for row in anchors} == {*_LEDGERS}, "a ledger has no anchor")
    for row in anchors:
        out(line(GOOD, f" {row.anchor.ledger:<8}holds the root of {row.anchor.size} events: {row.anchor.tx_hash}"))
    file = demo.folder / "proof.json"
    file.write_text(json_text(prove(demo.settings, demo.db, seq)), encoding="utf-8")
    key = log_key(demo.settings).verifier.text
    title("A stranger checks that one event, with the file and the ledgers alone")
    with serve(demo.settings, 0) as chain:
        asked = ["--xrpl", demo.ledgers.xrpl, "--horizon", demo.ledgers.horizon, "--rpc", chain.url, "--log-key", key]
        out("fntx audit verify proof.json --xrpl URL --horizon URL --rpc URL --log-key KEY")
        _stranger([executable("fntx"), "audit", "verify", str(file), *asked])
        out("", "verify/audit.py, one file of Python that needs nothing of FNTX, says the same:")
        _stranger([sys.executable, "-I", str(VERIFYING / "audit.py"), str(file), *asked])
    events = status(demo.settings, demo.db).events
    out(line(GOOD, f" He saw one event of {events}, and no other: the log is sealed."))


def _let_one_key_anchor(demo: DemoTreasury) -> None:
    title("A standing approval: one key may sign anchors, and nothing else")
    templates: list[tuple[dict[str, Any], str, str]] = [
        (
            {
                "ledger": "xrpl",
                "network_id": NETWORK_ID,
                "intent": {
                    "op": "anchor",
                    "account": demo.xrpl("attestation"),
                    "params": {"destination": demo.xrpl("house")},
                },
            },
            "100",
            demo.xrpl("attestation"),
        ),
        (
            {
                "ledger": "stellar",
                "network_id": PASSPHRASE,
                "intent": {"op": "anchor", "account": demo.stellar("attestation")},
            },
            "1000",
            demo.stellar("attestation"),
        ),
    ]
    for template, fee_cap, key in templates:
        standing = {"template": template, "per_day": 2, "fee_cap": fee_cap, "days": 90, "key": key}
        decide_together(demo, propose(demo.settings, demo.db, "standing.approve", standing, by=BY), demo.signers)
        out(f"  {template['ledger']}: twice a day, for 90 days, a fee of {fee_cap} at most, by the key {key}")


def _signed_anchors(keystore: Path) -> str:
    """What the process with the anchor key says. Permanent where it refuses one, or none is confirmed in time."""
    deadline = time.monotonic() + _WITHIN
    while True:
        said = subprocess.run(
            [executable("fntx"), "treasury", "sign-anchors", "--keystore", str(keystore)],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        if said.returncode != _UNKNOWN or time.monotonic() > deadline:
            break
    must(said.returncode == 0, f"the anchors were not signed: {said.stdout} {said.stderr.strip()}")
    return said.stdout


def _stranger(command: Sequence[str]) -> None:
    """What a command prints, in a process of its own. Permanent unless it holds."""
    said = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    out(*said.stdout.rstrip().splitlines())
    must(said.returncode == 0, f"it ended with {said.returncode}: {said.stderr.strip()}")
