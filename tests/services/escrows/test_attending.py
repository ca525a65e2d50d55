"""Escrows whose transaction was cancelled before it was sent: they wait until no ledger can hold it."""

from __future__ import annotations

from fntx_dagster.services.escrows.attending import watch_escrows
from fntx_dagster.services.escrows.cancelling import cancel_escrow
from fntx_dagster.services.governance.ending import cancel
from tests.services.escrows.harbour import DAY, SETTLEMENT, Harbour


def test_a_cancelled_cancellation_leads_back_only_when_its_turn_is_used(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    harbour.passes(31 * DAY)
    prepared = cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert prepared is not None
    cancel(harbour.settings, harbour.db, prepared.proposal_id, "the wrong day")
    assert watch_escrows(harbour.settings, harbour.db).returned == []
    assert harbour.state(escrow_id) == "Cancelling"
    signers = ("s1", "s3")
    assert harbour.town.does("treasury", "AccountSet", by=signers) == "tesSUCCESS"  # it uses that sequence
    done = watch_escrows(harbour.settings, harbour.db)
    assert done.returned == [escrow_id]
    assert harbour.state(escrow_id) == "Active"
    assert watch_escrows(harbour.settings, harbour.db).returned == []
    again = cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert again is not None
    assert harbour.sent(again) == "confirmed"


def test_signers_who_sent_a_cancelled_transaction_themselves_are_an_alert(harbour: Harbour) -> None:
    escrow_id = harbour.active(SETTLEMENT)
    harbour.passes(31 * DAY)
    prepared = cancel_escrow(harbour.settings, harbour.db, escrow_id).transaction
    assert prepared is not None
    cancel(harbour.settings, harbour.db, prepared.proposal_id, "the wrong day")
    row = harbour.row(escrow_id)
    own = {"Owner": row.owner, "OfferSequence": row.sequence}
    assert harbour.town.send("treasury", "EscrowCancel", by=("s1", "s3"), **own) == "tesSUCCESS"
    harbour.desk.close()
    done = watch_escrows(harbour.settings, harbour.db)
    assert [each.subject for each in done.findings if "gone" in each.subject] == [f"{escrow_id} gone"]
    assert done.returned == []
    assert harbour.state(escrow_id) == "Cancelling"
