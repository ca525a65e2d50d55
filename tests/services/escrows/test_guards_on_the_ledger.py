"""What the templates say that the ledger enforces, tried on the ledger itself: by a stranger with a key of his own, who
asks nothing of ours."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from fntx_dagster.adapters.xrpl.conditions import condition_of
from fntx_dagster.escrows.templates import TEMPLATES
from fntx_dagster.services.escrows.attesting import attest_document
from tests.services.escrows.harbour import BOND_FUNDING, DAY, DEED, SETTLEMENT, Harbour
from tests.simulate.xrpl.people import address

TRIED = {
    "only whoever knows the preimage can finish it",
    "nobody can finish it after cancel_after",
    "nobody can cancel it up to cancel_after; after it anybody can",
    "it pays its destination or its owner, nobody else",
    "nobody can finish it up to finish_after",
}
"""The rules of which a test below shows that the ledger enforces them."""


def tries(harbour: Harbour, escrow_id: UUID, kind: str = "EscrowFinish", **fields: Any) -> str:
    """What a stranger gets on the ledger."""
    row = harbour.row(escrow_id)
    return harbour.town.does("stranger", kind, Owner=row.owner, OfferSequence=row.sequence, **fields)


def preimage_of(harbour: Harbour, escrow_id: UUID) -> tuple[str, str]:
    """The condition and its fulfillment, opened with the key of the log, as nobody but the gate does."""
    from fntx_dagster.services.escrows.sealing import opened_fulfillment

    row = harbour.row(escrow_id)
    with harbour.db.connect() as connection:
        return row.condition, opened_fulfillment(harbour.settings, connection, row)


def test_every_rule_that_is_said_to_be_the_ledgers_is_tried_here() -> None:
    assert {rule.rule for each in TEMPLATES.values() for rule in each.rules if rule.by == "ledger"} == TRIED


@pytest.mark.parametrize("document", [BOND_FUNDING, SETTLEMENT], ids=["bond_funding", "settlement"])
def test_nobody_finishes_without_the_preimage_and_nobody_cancels_early(
    harbour: Harbour, document: dict[str, object]
) -> None:
    escrow_id = harbour.active(document)
    harbour.passes(2 * DAY)  # the time of a settlement has come
    row = harbour.row(escrow_id)
    assert tries(harbour, escrow_id) == "tecCRYPTOCONDITION_ERROR"
    other = condition_of(bytes(32))
    assert tries(harbour, escrow_id, Condition=row.condition, Fulfillment=other.fulfillment) == (
        "tecCRYPTOCONDITION_ERROR"
    )
    assert tries(harbour, escrow_id, Condition=other.condition, Fulfillment=other.fulfillment) == (
        "tecCRYPTOCONDITION_ERROR"
    )
    assert tries(harbour, escrow_id, "EscrowCancel") == "tecNO_PERMISSION"
    assert harbour.state(escrow_id) == "Active"


def test_nobody_finishes_a_settlement_early_even_with_the_preimage(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    condition, fulfillment = preimage_of(harbour, escrow_id)
    assert tries(harbour, escrow_id, Condition=condition, Fulfillment=fulfillment) == "tecNO_PERMISSION"
    row = harbour.row(escrow_id)
    assert row.finish_after is not None
    harbour.passes(row.finish_after - harbour.closed_at() - timedelta(seconds=8))
    assert harbour.closed_at() < row.finish_after
    assert tries(harbour, escrow_id, Condition=condition, Fulfillment=fulfillment) == "tecNO_PERMISSION"


@pytest.mark.parametrize("document", [BOND_FUNDING, SETTLEMENT], ids=["bond_funding", "settlement"])
def test_nobody_finishes_after_the_end_and_then_anybody_cancels_for_the_owner(
    harbour: Harbour, document: dict[str, object]
) -> None:
    escrow_id = harbour.active(document)
    condition, fulfillment = preimage_of(harbour, escrow_id)
    held = harbour.town.drops("treasury"), harbour.town.line("treasury", "issuer")
    row = harbour.row(escrow_id)
    assert row.cancel_after is not None
    harbour.passes(row.cancel_after - harbour.closed_at() + timedelta(seconds=1))
    assert tries(harbour, escrow_id, Condition=condition, Fulfillment=fulfillment) == "tecNO_PERMISSION"
    assert tries(harbour, escrow_id, "EscrowCancel") == "tesSUCCESS"
    back = harbour.town.drops("treasury"), harbour.town.line("treasury", "issuer")
    assert back != held  # the owner has it again, the stranger has nothing of it
    assert harbour.town.line("stranger", "issuer") is None
    assert tries(harbour, escrow_id, "EscrowCancel") == "tecNO_TARGET"


def test_whoever_finishes_it_pays_the_destination_and_nobody_else(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    condition, fulfillment = preimage_of(harbour, escrow_id)
    harbour.passes(2 * DAY)
    before = harbour.town.drops("buyer")
    assert tries(harbour, escrow_id, Condition=condition, Fulfillment=fulfillment) == "tesSUCCESS"
    assert harbour.town.drops("buyer") == before + 25_000_000
    assert harbour.row(escrow_id).destination == address("buyer")


def test_the_rule_of_ninety_days_is_the_gates_alone(harbour: Harbour) -> None:
    """Said in the templates: with the preimage, the ledger would still finish it."""
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    condition, fulfillment = preimage_of(harbour, escrow_id)
    harbour.passes(91 * DAY)
    assert tries(harbour, escrow_id, Condition=condition, Fulfillment=fulfillment) == "tesSUCCESS"
