"""The issue of `fntx demo --treasury`: proposed, screened, decided, signed elsewhere, submitted, confirmed; and what is
refused on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from fntx_dagster.cli.demo_signers import DemoSigner, decisions, transactions_signed
from fntx_dagster.cli.demo_treasury import BOND, BY, DOLLAR, NETWORK_ID, PASSPHRASE, DemoTreasury, must
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.errors import Permanent
from fntx_dagster.report.programs import json_text
from fntx_dagster.services.governance.deciding import decide
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.reading import show
from fntx_dagster.services.transactions.confirming import confirm
from fntx_dagster.services.transactions.exporting import export_files
from fntx_dagster.services.transactions.importing import import_files
from fntx_dagster.services.transactions.settling import Settled
from fntx_dagster.services.transactions.submitting import submit

_CONFIRMED_WITHIN = 30
_ISSUED, _DOLLARS = "250000.5", "900"
_FIVE_XRP = "5000000"
"""In drops."""


def issue_on_xrpl(demo: DemoTreasury) -> None:
    """Issue tokens to a customer. Permanent where they do not arrive, or what must be refused is not."""
    title(f"An issue on the XRP Ledger: {_ISSUED} {BOND} to customer-17")
    # of XRP, which the ledger would take: what it would not is refused before anybody is screened
    gift = _payment(demo, "customer-18", _FIVE_XRP)
    listed = propose(demo.settings, demo.db, "distribution.pay", gift, by=BY)
    row = show(demo.db, listed).row
    must(row.state == "blocked", f"a party that is on a list is {row.state}")
    out(line(GOOD, f" 5 XRP to customer-18, first: blocked, {row.reason}. Nobody votes on it."))
    travel = {
        "originator": {"name": "Demo Treasury", "account": demo.xrpl("issuer"), "address": "1 Demo Street"},
        "beneficiary": {
            "name": "Helena Brightwater",
            "account": demo.xrpl("customer-17"),
            "birth_date": "1970-01-01",
        },
    }
    payload = _issue(demo, "customer-17", _ISSUED)
    proposal = propose(demo.settings, demo.db, "iou.issue", payload, travel=travel, by=BY)
    view = show(demo.db, proposal)
    must(view.row.state == "pending_approval", f"the issue is {view.row.state}")
    out("To customer-17: on no list. What the signers read:", *(f"  {sentence}" for sentence in view.sentences))
    treasury, compliance, trustee = demo.signers
    _refuse_anothers_decision(demo, proposal, treasury, compliance)
    decide_together(demo, proposal, [treasury, trustee])
    [file] = export_files(demo.settings, demo.db, proposal, demo.folder / "to-sign", BY)
    out(f"Exported for the signers: {file.relative_to(demo.folder)}")
    returned = transactions_signed([treasury, trustee], "xrpl", file)
    _refuse_altered_bytes(demo, returned[0])
    settled = signed_and_sent(demo, proposal, returned)
    held = demo.ledgers.held_on_xrpl(demo.xrpl("customer-17"), demo.xrpl("issuer"))
    must(held == _ISSUED, f"the ledger says that customer-17 holds {held}")
    out(line(GOOD, f" In ledger {settled.ledger}: customer-17 holds {held} {BOND}, says the ledger's server."))


def issue_on_stellar(demo: DemoTreasury) -> None:
    """Issue dollars to the distribution account. Permanent where they do not arrive."""
    title(f"The same on Stellar: {_DOLLARS} {DOLLAR} to the distribution account")
    asset = {"code": DOLLAR, "issuer": demo.stellar("issuer")}
    params = {"destination": demo.stellar("house"), "asset": asset, "amount": _DOLLARS}
    intent = {"op": "payment", "account": demo.stellar("issuer"), "params": params}
    payload = {"ledger": "stellar", "network_id": PASSPHRASE, "intent": intent}
    proposal = propose(demo.settings, demo.db, "iou.issue", payload, ["house"], by=BY)
    treasury, compliance, _ = demo.signers
    decide_together(demo, proposal, [treasury, compliance])
    [file] = export_files(demo.settings, demo.db, proposal, demo.folder / "to-sign", BY)
    settled = signed_and_sent(demo, proposal, transactions_signed([treasury, compliance], "stellar", file))
    held = demo.ledgers.held_on_stellar(demo.stellar("house"), DOLLAR)
    must(Decimal(held) == Decimal(_DOLLARS), f"Horizon says that the distribution account holds {held}")
    out(line(GOOD, f" In ledger {settled.ledger}: the distribution account holds {held} {DOLLAR}, says Horizon."))


def decide_together(demo: DemoTreasury, proposal: UUID, signers: Sequence[DemoSigner]) -> None:
    """Let signers approve a proposal, each on his own machine. Permanent unless that approves it."""
    decide_all(demo, [proposal], signers)
    approvals = show(demo.db, proposal).approvals
    out(line(GOOD, f" Approved by {', '.join(approvals)}, each by a signature over the proposal."))


def decide_all(demo: DemoTreasury, proposals: Sequence[UUID], signers: Sequence[DemoSigner]) -> None:
    """The same of several proposals at once; nothing is said of it."""
    for returned in decisions(signers, *(_as_json(demo, each) for each in proposals)):
        for proposal, decision in zip(proposals, returned, strict=True):
            decide(demo.settings, demo.db, proposal, decision)
    for proposal in proposals:
        state = show(demo.db, proposal).row.state
        must(state in ("approved", "confirmed"), f"the proposal is {state}")


def taken(demo: DemoTreasury, returned: list[tuple[str, bytes]]) -> None:
    """Import what signers returned. Permanent where one file is refused."""
    for answer in import_files(demo.settings, demo.db, returned):
        must(answer.added is not None, f"{Path(answer.file).name} was refused: {answer.message}")


def signed_and_sent(demo: DemoTreasury, proposal: UUID, returned: list[tuple[str, bytes]]) -> Settled:
    """Import what signers returned, send it, and wait for its ledger."""
    taken(demo, returned)
    out(line(GOOD, f" Signed by {len(returned)} on their own machines; the signatures verify, and are combined."))
    sent = submit(demo.settings, demo.db, proposal, BY)
    out(f"Submitted: {sent.hash}", f"The server answers: {sent.words}")
    return confirmed(demo, proposal)


def confirmed(demo: DemoTreasury, proposal: UUID) -> Settled:
    """What became of a transaction, once its ledger has it. Permanent where it does not succeed in time."""
    deadline = time.monotonic() + _CONFIRMED_WITHIN
    while True:
        [settled] = confirm(demo.settings, demo.db, proposal)
        if settled.state != "submitted" or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    must(settled.state == "confirmed", f"the transaction is {settled.state}: {settled.words}")
    return settled


def _issue(demo: DemoTreasury, to: str, value: str) -> dict[str, Any]:
    return _payment(demo, to, {"currency": BOND, "issuer": demo.xrpl("issuer"), "value": value})


def _payment(demo: DemoTreasury, to: str, amount: str | dict[str, str]) -> dict[str, Any]:
    params = {"destination": demo.xrpl(to), "amount": amount}
    intent = {"op": "payment", "account": demo.xrpl("issuer"), "params": params}
    return {"ledger": "xrpl", "network_id": NETWORK_ID, "intent": intent}


def _as_json(demo: DemoTreasury, proposal: UUID) -> str:
    """What `fntx treasury show --json` prints."""
    return json_text(show(demo.db, proposal).as_dict())


def _refuse_anothers_decision(demo: DemoTreasury, proposal: UUID, named: DemoSigner, real: DemoSigner) -> None:
    [[decision]] = decisions([real], _as_json(demo, proposal))
    try:
        decide(demo.settings, demo.db, proposal, decision | {"signer": named.name})
    except Permanent as refusal:
        out(line(GOOD, f" {real.name} signs in the name of {named.name}: refused, {refusal.message}"))
    else:
        raise Permanent("a decision with another's signature was taken", "Report it: this is a fault of FNTX")


def _refuse_altered_bytes(demo: DemoTreasury, returned: tuple[str, bytes]) -> None:
    """A signer's file in which another token is paid than he signed."""
    name, content = returned
    altered = content.replace(BOND.encode().hex().upper().encode(), b"DEMO.BONE".hex().upper().encode())
    [answer] = import_files(demo.settings, demo.db, [(name, altered)])
    must(answer.added is None, "altered bytes were taken")
    out(line(GOOD, f" The same signature under another token: refused, {answer.code}"))
