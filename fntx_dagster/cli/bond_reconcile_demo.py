"""The end of `fntx demo --bond`: the log on three ledgers, everything reconciled, and a line that somebody alters."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from decimal import Decimal

from fntx_dagster.cli.commands import command
from fntx_dagster.cli.demo_bond import CASH, LINE_LIMIT
from fntx_dagster.cli.demo_signers import transactions_signed
from fntx_dagster.cli.demo_treasury import BY, DemoTreasury, must
from fntx_dagster.cli.issue_demo import confirmed, decide_all, taken
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.services.anchoring.everywhere import anchor_everywhere
from fntx_dagster.services.auditing.proving import anchors_of
from fntx_dagster.services.reconciling.reading import kept, state_custody
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.settings import executable

_LEDGERS = ("xrpl", "stellar", "evm")
_ALTERED = "2500"
_CLEAN, _DIFFERS = 0, 1


def anchor_log(demo: DemoTreasury) -> None:
    """Anchor the log on three ledgers, signed by two. Permanent where one has no anchor."""
    title("The log of all this, on three ledgers")
    done = anchor_everywhere(demo.settings, demo.db, datetime.now(UTC), ledgers=_LEDGERS)
    if done.failure:
        raise done.failure
    two = demo.signers[:2]
    proposals = {each.ledger: each.proposal_id for each in done.ledgers if each.proposal_id is not None}
    decide_all(demo, [*proposals.values()], two)
    for ledger, proposal in proposals.items():
        [file] = export_files(demo.settings, demo.db, proposal, demo.folder / "to-sign", BY)
        taken(demo, transactions_signed(two, ledger, file))
        submit(demo.settings, demo.db, proposal, BY)
        confirmed(demo, proposal)
    anchors = anchors_of(demo.db)
    must({row.anchor.ledger for row in anchors} == {*_LEDGERS}, "a ledger has no anchor")
    for row in anchors:
        out(line(GOOD, f" {row.anchor.ledger:<8}holds the root of {row.anchor.size} events: {row.anchor.tx_hash}"))


def reconcile_all(demo: DemoTreasury) -> None:
    """Reconcile, alter a line on the ledger, and reconcile again. Permanent where the first finds something, or the
    second anything but the line."""
    title("Both ledgers against the configuration and our records")
    state_custody(demo.settings, demo.db, Decimal(0), CASH, datetime.now(UTC).date(), BY)
    out(f"The custodian states that no {CASH} is in escrow any more.")
    _reconciled(_CLEAN)
    found = kept(demo.db).run
    must(found.overall_status == "CLEAN" and not found.pending, f"the reconciliation is {found.overall_status}")
    title("Somebody alters one line on the ledger")
    demo.ledgers.alter_limit(demo.xrpl("house"), demo.xrpl("bank"), CASH, _ALTERED)
    out(f"The treasury's line for {CASH} of {demo.xrpl('bank')}: the limit is {_ALTERED} instead of {LINE_LIMIT}.")
    _reconciled(_DIFFERS)
    wrong = [item for item in kept(demo.db).items if item.status != "MATCH"]
    ids = [item.id for item in wrong]
    must(ids == ["xrpl.trustlines.treasury"], f"what differs is {', '.join(ids) or 'nothing'}")
    out(f"The report says: {'; '.join(wrong[0].details)}.")
    out(line(GOOD, " One check of 30 differs, and it is the one of that line."))


def _reconciled(code: int) -> None:
    """What `fntx reconcile run` prints, a process of its own. Permanent where it ends with another code."""
    out(f"{command('reconcile', 'run', '--scope', 'deep')}")
    said = subprocess.run(
        [executable("fntx"), "reconcile", "run", "--scope", "deep"],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    out(*(f"  {each}" for each in said.stdout.rstrip().splitlines()), f"Its exit code is {said.returncode}.")
    must(said.returncode == code, f"it ended with {said.returncode}: {said.stderr.strip()}")
