"""The log of `fntx demo --treasury`: a checkpoint, its anchors on three ledgers, the proof of an event, and a stranger
who checks it in fresh processes."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

from fntx_dagster.cli.demo_treasury import DemoTreasury, must
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.report.programs import json_text
from fntx_dagster.services.auditing.anchoring import anchor
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.looking import status
from fntx_dagster.services.auditing.proving import anchors_of, prove
from fntx_dagster.services.chain import serve
from fntx_dagster.settings import VERIFYING, executable


def anchor_and_prove(demo: DemoTreasury, seq: int) -> None:
    """Anchor the log, and prove an event by its number. Permanent where a stranger does not find that it holds."""
    title("The log of all this, on three ledgers")
    anchor(demo.settings, demo.db, datetime.now(UTC))
    for row in anchors_of(demo.db):
        out(f"{row.anchor.ledger:<8}{row.anchor.size} events, in {row.anchor.tx_hash}")
    file = demo.folder / "proof.json"
    file.write_text(json_text(prove(demo.settings, demo.db, seq)), encoding="utf-8")
    key = log_key(demo.settings).verifier.text
    title("A stranger checks that one event, with the file and the ledgers alone")
    with serve(demo.settings, 0) as chain:
        asked = ["--xrpl", demo.ledgers.xrpl, "--horizon", demo.ledgers.horizon, "--rpc", chain.url, "--log-key", key]
        out("fntx audit verify proof.json --xrpl … --horizon … --rpc … --log-key …")
        _stranger([executable("fntx"), "audit", "verify", str(file), *asked])
        out("", "verify/audit.py, one file of Python that needs nothing of FNTX, says the same:")
        _stranger([sys.executable, "-I", str(VERIFYING / "audit.py"), str(file), *asked])
    events = status(demo.settings, demo.db).events
    out(line(GOOD, f" He saw one event of {events}, and no other: the log is sealed."))


def _stranger(command: list[str]) -> None:
    """What a command prints, in a process of its own. Permanent unless it holds."""
    said = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    out(*said.stdout.rstrip().splitlines())
    must(said.returncode == 0, f"it ended with {said.returncode}: {said.stderr.strip()}")
