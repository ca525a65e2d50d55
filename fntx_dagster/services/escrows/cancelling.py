"""Cancelling an escrow once its ledger allows it: without a vote, or by an arbitration of two where it is disputed."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.events import APPROVE, ARBITRATE, CANCEL
from fntx_dagster.escrows.guards import require_after_cancel
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.escrows.finishing import EscrowMove
from fntx_dagster.services.escrows.moving import (
    XRPL,
    allowed_config,
    approved_vote,
    known_escrow,
    open_transaction,
    prepare_covered,
    require_vote,
    same_config,
)
from fntx_dagster.services.escrows.payloads import cancel_payload, open_vote, reason_payload
from fntx_dagster.services.escrows.steps import escrow_step, held_escrow, require_step
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.escrows import EscrowRow, proposals_of
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, proposal

_DISPUTED = "Disputed"


def cancel_escrow(
    settings: Settings, db: Database, escrow_id: UUID, reason: str = "", by: str = TERMINAL
) -> EscrowMove:
    """Go on with cancelling an escrow after its cancel_after: prepare its transaction; of a disputed one ask people to
    vote first, for which a reason is given. Asked again, the same vote or the same transaction.

    Raises StepImpossible, with the events of its state; GuardFails before its time, by the ledger's; TreasuryPaused;
    Transient where no server answers."""
    with db.connect() as connection:
        row = known_escrow(connection, escrow_id)
        if (before := open_transaction(connection, row, CANCEL)) is not None:
            return EscrowMove(None, before)
        is_disputed = row.state == _DISPUTED
        event = "arbitrate_cancel" if is_disputed else "prepare_cancel"
        require_step(row, event)
        if is_disputed and (waiting := open_vote(connection, row, ARBITRATE)) is not None:
            return EscrowMove(waiting, None)
        config = allowed_config(settings, connection)
        is_approved = not is_disputed or approved_vote(connection, row, ARBITRATE) is not None
    assert row.cancel_after  # it is on its ledger
    with opened(settings, config, XRPL) as ledger:
        require_after_cancel(row.cancel_after, ledger.closed_at())
        if not is_approved:
            if not reason.strip():
                raise Permanent("a cancellation of a disputed escrow needs a reason", "Give it with --reason")
            return EscrowMove(propose(settings, db, ARBITRATE, reason_payload(row, reason), by=by), None)
        with entered(db) as connection:
            same_config(config, allowed_config(settings, connection))
            row = held_escrow(connection, escrow_id)
            require_step(row, event)
            events: list[NewAuditEvent] = []
            whole = _covering(connection, row)
            prepared = prepare_covered(
                settings, connection, ledger, row, whole, CANCEL, cancel_payload(row), by, events
            )
            escrow_step(connection, row, event, by, reason, prepared.proposal_id)
            append_all(settings, connection, events)
    return EscrowMove(None, prepared)


def _covering(connection: Connection, row: EscrowRow) -> ProposalRow:
    """The proposal whose approval stands for the cancellation: the arbitration, or, as anybody may cancel after its
    time, that of the terms, which name the time."""
    if row.state == _DISPUTED:
        vote = approved_vote(connection, row, ARBITRATE)
        return require_vote(vote, row, "the arbitration", f"`fntx escrow cancel {row.escrow_id} --reason WHY`")
    [terms] = [each.proposal_id for each in proposals_of(connection, row.escrow_id) if each.kind == APPROVE]
    found = proposal(connection, terms)
    assert found  # proposals are never deleted
    return found
