"""The making of the bond of `fntx demo --bond`: terms, tranches, screening, approval, an escrow that funds it, and its
tokens."""

from __future__ import annotations

import hashlib

from fntx_dagster.cli.bond_setup_demo import AskedFor, carried_out, paying, sign_and_send
from fntx_dagster.cli.demo_bond import (
    BOND_ID,
    HOLDERS,
    NOTIONAL,
    cash_of,
    months_later,
    our_side,
    side,
    structure,
    terms,
)
from fntx_dagster.cli.demo_ledgers import send_by_owners
from fntx_dagster.cli.demo_treasury import BOND, BY, DemoTreasury, must
from fntx_dagster.cli.issue_demo import decide_together
from fntx_dagster.cli.terminal import GOOD, line, out, title
from fntx_dagster.services.bonds.factory import create_bond, structure_bond, submit_bond
from fntx_dagster.services.bonds.reading import show_bond
from fntx_dagster.services.bonds.transitions import transition_bond
from fntx_dagster.services.escrows.attesting import attest_document
from fntx_dagster.services.escrows.creating import create_escrow
from fntx_dagster.services.escrows.finishing import finish_escrow
from fntx_dagster.services.escrows.proposing import propose_escrow
from fntx_dagster.services.treasury.flows import token_at


def make_bond(demo: DemoTreasury) -> None:
    """From a draft to Active. Permanent where it does not come there."""
    title(f"A bond of {NOTIONAL} USD for nine months")
    start = months_later(demo.ledgers.closed_at().date().replace(day=1), 1)
    row = create_bond(demo.settings, demo.db, terms(demo, start), BY)
    out(f"{row.state}: {BOND_ID} runs from {row.start_date} to {row.maturity_date} and pays every three months.")
    structured = structure_bond(demo.settings, demo.db, BOND_ID, structure(demo), BY)
    out(f"{structured.state}: tranche A, senior, 900000.00 at 5 %: ada 2 units, bob 1. B, subordinated, 100000.00 at")
    out("12 %: cleo. The trustee's fee is 500.00 a quarter; what is left goes to solar, which has the equity.")
    submitted = submit_bond(demo.settings, demo.db, BOND_ID, BY)
    out(f"{submitted.row.state}: everybody who is paid is on no list.")
    treasury, _, trustee = demo.signers
    decide_together(demo, submitted.proposal_id, [treasury, trustee])
    in_state(demo, "Active")


def fund_bond(demo: DemoTreasury) -> None:
    """From Active to Funded, and the tokens issued. Permanent where it does not come there."""
    title("The money waits in an escrow until the papers are there")
    treasury, compliance, trustee = demo.signers
    send_by_owners(demo.ledgers.xrpl, [[paying(demo, each, "house", cash_of(demo, HOLDERS[each])) for each in HOLDERS]])
    out(f"ada, bob and cleo pay {NOTIONAL} USD to the treasury, with wallets of their own.")
    document = {
        "template": "bond_funding",
        "destination": demo.xrpl("solar"),
        "amount": cash_of(demo, NOTIONAL),
        "bond": BOND_ID,
    }
    travel = {"originator": our_side(demo, "house"), "beneficiary": side(demo, "solar")}
    asked = propose_escrow(demo.settings, demo.db, document, ["house"], BY, travel)
    decide_together(demo, asked.proposal_id, [treasury, trustee])
    prepared = create_escrow(demo.settings, demo.db, asked.escrow_id, BY)
    sign_and_send(demo, [prepared.proposal_id], [treasury, trustee])
    transition_bond(demo.settings, demo.db, BOND_ID, "escrow_created", by=BY)
    transition_bond(demo.settings, demo.db, BOND_ID, "escrow_confirmed", by=BY)
    out("The ledger holds it under a condition; what opens it is sealed, and nobody has seen it.")
    in_state(demo, "Funded")
    deed = hashlib.sha256(b"the title deed of a solar park").hexdigest()
    attest_document(demo.settings, demo.db, asked.escrow_id, deed, "title deed", BY)
    out(f"The title deed is verified: {deed[:16]}…")
    vote = finish_escrow(demo.settings, demo.db, asked.escrow_id, BY).vote
    assert vote is not None
    decide_together(demo, vote, [compliance, trustee])
    released = finish_escrow(demo.settings, demo.db, asked.escrow_id, BY).transaction
    assert released is not None
    sign_and_send(demo, [released.proposal_id], [treasury, trustee])
    out(line(GOOD, f" Released: solar has {_held(demo, 'solar')} USD, says the ledger's server."))
    _issue(demo)


def _issue(demo: DemoTreasury) -> None:
    title(f"Each lender gets a token for each dollar: {BOND}")
    token = token_at(demo.settings, demo.db, BOND)
    issues: list[AskedFor] = []
    for party, value in HOLDERS.items():
        travel = {"originator": our_side(demo, "issuer"), "beneficiary": side(demo, party)}
        payload = token.pay(value.removesuffix(".00"), "issuer", demo.xrpl(party))
        issues.append(AskedFor("iou.issue", payload, travel))
    carried_out(demo, issues)
    for party in HOLDERS:
        held = demo.ledgers.held_on_xrpl(demo.xrpl(party), demo.xrpl("issuer"))
        out(line(GOOD, f" {party:<5}holds {held} {BOND}."))


def _held(demo: DemoTreasury, party: str) -> str:
    return demo.ledgers.held_on_xrpl(demo.xrpl(party), demo.xrpl("bank"))


def in_state(demo: DemoTreasury, state: str) -> None:
    """Say in which state the bond is. Permanent where it is in another."""
    found = show_bond(demo.db, BOND_ID).row.state
    must(found == state, f"the bond is {found} instead of {state}")
    out(line(GOOD, f" {BOND_ID} is {state}."))
