"""The ways of an escrow, from its proposal to its end, on a simulated ledger."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.guards import GuardFails
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.services.escrows.attesting import attest_document
from fntx_dagster.services.escrows.cancelling import cancel_escrow
from fntx_dagster.services.escrows.creating import LEDGERS_OF_AN_HOUR, create_escrow
from fntx_dagster.services.escrows.disputing import dispute_escrow, resolve_escrow
from fntx_dagster.services.escrows.finishing import finish_escrow
from fntx_dagster.services.transactions.submitting import submit
from fntx_dagster.store.treasury.escrows import escrows_of_bond
from tests.services.escrows.harbour import BOND_FUNDING, DAY, DEED, SETTLEMENT, TWO, Harbour
from tests.services.transactions.worlds import events
from tests.simulate.xrpl.people import address, token


def balance(harbour: Harbour, name: str) -> Decimal:
    line = harbour.town.line(name, "issuer")
    assert line
    return Decimal(line["balance"])


def test_money_for_a_bond_goes_from_its_proposal_to_its_release(harbour: Harbour) -> None:
    with pytest.raises(Permanent, match="no bond"):
        harbour.proposed({**BOND_FUNDING, "bond": "BOND-1"})
    bond = harbour.bond("BOND-1")
    escrow_id = harbour.active({**BOND_FUNDING, "bond": bond})
    row = harbour.row(escrow_id)
    assert balance(harbour, "treasury") == Decimal("749.5")
    assert (row.amount, row.currency) == (Decimal("250.5"), "OPTKAS.BOND")
    assert row.cancel_after is not None
    assert row.prepared_close is not None
    assert row.cancel_after - row.prepared_close == 120 * DAY
    with harbour.db.connect() as connection:
        assert escrows_of_bond(connection, bond) == [row]
    assert attest_document(harbour.settings, harbour.db, escrow_id, DEED.upper(), "title deed") is True
    assert attest_document(harbour.settings, harbour.db, escrow_id, DEED, "the same") is False
    finish = harbour.released(escrow_id).transaction
    assert finish is not None
    assert harbour.state(escrow_id) == "Finishing"
    assert harbour.sent(finish) == "confirmed"
    assert harbour.state(escrow_id) == "Released"
    assert balance(harbour, "buyer") == Decimal("250.5")
    assert harbour.events(escrow_id) == [
        "propose",
        "submit",
        "approve",
        "submit_create",
        "confirm_create",
        "prepare_finish",
        "confirm_finish",
    ]
    told = [each for each in events(harbour.db) if each.startswith(("escrow_", "document_"))]
    assert told == ["escrow_created", "document_attested", "escrow_released"]


def test_a_settlement_waits_a_day_and_is_cancelled_after_thirty(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    vote = finish_escrow(harbour.settings, harbour.db, escrow_id).vote
    assert vote is not None
    assert finish_escrow(harbour.settings, harbour.db, escrow_id).vote == vote  # asked again, the same
    harbour.votes(vote, *TWO)
    with pytest.raises(GuardFails, match=r"after_finish_after.*conditions_met"):
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    assert harbour.state(escrow_id) == "Active"
    with pytest.raises(GuardFails, match="after_cancel_after"):
        cancel_escrow(harbour.settings, harbour.db, escrow_id)
    harbour.passes(30 * DAY)
    with pytest.raises(GuardFails, match="before_cancel_after"):
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    before = harbour.town.drops("treasury")
    cancel = cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert cancel is not None
    assert cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction == cancel
    assert harbour.sent(cancel) == "confirmed"
    assert harbour.state(escrow_id) == "Cancelled"
    assert harbour.town.drops("treasury") == before + 25_000_000 - int(cancel.fee)
    assert events(harbour.db)[-1] == "escrow_cancelled"


def test_money_for_a_bond_is_not_released_after_ninety_days_although_the_ledger_would(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    harbour.passes(91 * DAY)
    with pytest.raises(GuardFails, match="before_cancel_after"):
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    with pytest.raises(GuardFails, match="after_cancel_after"):
        cancel_escrow(harbour.settings, harbour.db, escrow_id)


def test_a_release_needs_an_attested_document_and_the_trustee(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    vote = finish_escrow(harbour.settings, harbour.db, escrow_id).vote
    assert vote is not None
    assert harbour.votes(vote, "treasury", "compliance") == "pending_approval"
    assert finish_escrow(harbour.settings, harbour.db, escrow_id).vote == vote
    assert harbour.votes(vote, "trustee") == "approved"
    with pytest.raises(GuardFails, match="document_verification"):
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    assert finish_escrow(harbour.settings, harbour.db, escrow_id).transaction is not None


def test_a_dispute_keeps_the_preimage_closed_until_two_resolve_it(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    release = finish_escrow(harbour.settings, harbour.db, escrow_id).vote
    assert release is not None
    harbour.votes(release, *TWO)
    dispute = dispute_escrow(harbour.settings, harbour.db, escrow_id, "the deed is forged")
    assert harbour.votes(dispute, "compliance") == "approved"
    assert harbour.state(escrow_id) == "Disputed"
    with pytest.raises(StepImpossible, match="prepare_finish") as refused:
        finish_escrow(harbour.settings, harbour.db, escrow_id)
    assert "resolve, arbitrate_cancel" in refused.value.way_out
    with pytest.raises(GuardFails, match="after_cancel_after"):
        cancel_escrow(harbour.settings, harbour.db, escrow_id, "forged")
    resolve = resolve_escrow(harbour.settings, harbour.db, escrow_id, "the notary confirmed it")
    assert harbour.votes(resolve, "treasury") == "pending_approval"
    assert harbour.state(escrow_id) == "Disputed"
    assert harbour.votes(resolve, "trustee") == "approved"
    assert harbour.state(escrow_id) == "Active"
    assert finish_escrow(harbour.settings, harbour.db, escrow_id).transaction is not None


def test_an_arbitration_of_two_cancels_a_disputed_escrow_after_its_time(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    harbour.votes(dispute_escrow(harbour.settings, harbour.db, escrow_id, "not delivered"), "treasury")
    harbour.passes(31 * DAY)
    vote = cancel_escrow(harbour.settings, harbour.db, escrow_id, "not delivered").vote
    assert vote is not None
    assert harbour.state(escrow_id) == "Disputed"
    harbour.votes(vote, *TWO)
    cancel = cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert cancel is not None
    assert harbour.state(escrow_id) == "Cancelling"
    assert harbour.sent(cancel) == "confirmed"
    assert harbour.state(escrow_id) == "Cancelled"


def test_a_creation_that_is_an_hour_old_is_prepared_again_with_its_times(harbour: Harbour) -> None:
    escrow_id = harbour.approved()
    first = create_escrow(harbour.settings, harbour.db, escrow_id)
    assert create_escrow(harbour.settings, harbour.db, escrow_id) == first
    assert first.ends_at - first.prepared_ledger == LEDGERS_OF_AN_HOUR
    counted = harbour.row(escrow_id).prepared_close
    assert counted is not None
    harbour.passes(DAY / 24 + DAY / 86_400)
    again = create_escrow(harbour.settings, harbour.db, escrow_id)
    assert again.proposal_id != first.proposal_id
    assert harbour.desk.states(first.proposal_id) == ("cancelled", "cancelled")
    later = harbour.row(escrow_id)
    assert later.prepared_close is not None
    assert later.prepared_close > counted
    harbour.desk.signed(again.proposal_id, *TWO)
    harbour.passes(DAY / 12)
    with pytest.raises(StepImpossible, match="more than an hour ago"):
        submit(harbour.settings, harbour.db, again.proposal_id)
    with pytest.raises(StepImpossible, match="can still be in a ledger"):
        create_escrow(harbour.settings, harbour.db, escrow_id)
    assert harbour.state(escrow_id) == "Approved"
    harbour.desk.close(LEDGERS_OF_AN_HOUR)
    assert harbour.desk.settled(again.proposal_id).state == "expired"
    assert harbour.state(escrow_id) == "Approved"
    assert harbour.sent(create_escrow(harbour.settings, harbour.db, escrow_id)) == "confirmed"
    assert harbour.state(escrow_id) == "Active"


def test_tokens_that_could_not_be_locked_are_refused_before_a_vote_and_again_before_they_are_sent(
    harbour: Harbour,
) -> None:
    many = {**BOND_FUNDING, "amount": {"currency": "OPTKAS.BOND", "issuer": "issuer", "value": "1000.5"}}
    with pytest.raises(TransactionRefused, match="less than"):
        harbour.proposed(many)
    with pytest.raises(TransactionRefused, match="no trust line"):
        harbour.proposed({**BOND_FUNDING, "destination": address("stranger")})
    escrow_id = harbour.approved()
    prepared = create_escrow(harbour.settings, harbour.db, escrow_id)
    harbour.desk.signed(prepared.proposal_id, *TWO)
    frozen = {"currency": token("0", "issuer")["currency"], "issuer": address("buyer"), "value": "0"}
    assert harbour.town.does("issuer", "TrustSet", LimitAmount=frozen, Flags=0x100000) == "tesSUCCESS"
    with pytest.raises(TransactionRefused, match="frozen"):
        submit(harbour.settings, harbour.db, prepared.proposal_id)
    assert harbour.state(escrow_id) == "Approved"
    assert harbour.town.does("issuer", "TrustSet", LimitAmount=frozen, Flags=0x200000) == "tesSUCCESS"
    submit(harbour.settings, harbour.db, prepared.proposal_id)
    assert harbour.state(escrow_id) == "Created"


def test_an_escrow_that_nobody_approves_ends(harbour: Harbour) -> None:
    rejected = harbour.proposed()
    vote = harbour.vote_on(rejected, "escrow.approve")
    assert harbour.votes(vote, "treasury", word="reject") == "rejected"
    assert harbour.state(rejected) == "Rejected"
    with pytest.raises(StepImpossible, match="not possible"):
        create_escrow(harbour.settings, harbour.db, rejected)


def test_a_finish_that_fails_leads_back(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    finish = harbour.released(escrow_id).transaction
    assert finish is not None
    harbour.desk.signed(finish.proposal_id, *TWO)
    too_little = token("1", "issuer")
    assert harbour.town.does("buyer", "TrustSet", LimitAmount=too_little) == "tesSUCCESS"
    submit(harbour.settings, harbour.db, finish.proposal_id)
    harbour.desk.close()
    settled = harbour.desk.settled(finish.proposal_id)
    assert (settled.state, settled.words) == ("failed", "tecLIMIT_EXCEEDED")
    assert harbour.state(escrow_id) == "Active"


def test_a_release_that_was_signed_in_time_is_not_sent_after_its_end(harbour: Harbour) -> None:
    escrow_id = harbour.active()
    attest_document(harbour.settings, harbour.db, escrow_id, DEED, "title deed")
    harbour.passes(89 * DAY)
    finish = harbour.released(escrow_id).transaction
    assert finish is not None
    harbour.desk.signed(finish.proposal_id, *TWO)
    harbour.passes(2 * DAY)
    with pytest.raises(GuardFails, match="before_cancel_after"):
        submit(harbour.settings, harbour.db, finish.proposal_id)
    assert harbour.desk.states(finish.proposal_id) == ("ready", "ready_to_submit")
    assert harbour.state(escrow_id) == "Finishing"
