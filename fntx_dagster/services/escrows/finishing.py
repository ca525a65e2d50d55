"""Finishing an escrow: a vote on its release, then the one step that opens its preimage."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.escrows.events import FINISH, RELEASE
from fntx_dagster.escrows.guards import ReleaseFacts, require_before_end, require_conditions
from fntx_dagster.escrows.templates import template_of
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.escrows.moving import (
    XRPL,
    allowed_config,
    approved_vote,
    known_escrow,
    open_transaction,
    prepare_covered,
    require_vote,
    same_config,
    uncleared,
)
from fntx_dagster.services.escrows.payloads import finish_payload, open_vote, opened_payload, release_payload
from fntx_dagster.services.escrows.sealing import opened_fulfillment
from fntx_dagster.services.escrows.steps import escrow_step, held_escrow, require_step
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import documents_of
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.transactions import LedgerTxRow


class EscrowMove(NamedTuple):
    """How far a finish or a cancellation is: the proposal that waits for decisions, or the transaction that was
    prepared."""

    vote: UUID | None
    transaction: LedgerTxRow | None

    def as_dict(self, escrow_id: UUID) -> dict[str, Any]:
        """The fields of --json and of the API; the transaction's bytes are not among them."""
        made = self.transaction
        return {
            "escrow": str(escrow_id),
            "vote": str(self.vote) if self.vote else None,
            "transaction": {"proposal": str(made.proposal_id), "state": made.state} if made else None,
        }


def finish_escrow(settings: Settings, db: Database, escrow_id: UUID, by: str = TERMINAL) -> EscrowMove:
    """Go on with finishing an escrow: ask people to vote on its release, or, once they approved it, prepare its
    transaction. Asked again, the same vote or the same transaction.

    Raises StepImpossible, with the events of its state; GuardFails where a guard does not hold, by the ledger's time;
    TreasuryPaused; Transient where no server answers. Then nothing is prepared, and the preimage stays sealed."""
    with db.connect() as connection:
        row = known_escrow(connection, escrow_id)
        if (before := open_transaction(connection, row, FINISH)) is not None:
            return EscrowMove(None, before)
        require_step(row, "prepare_finish")
        if (waiting := open_vote(connection, row, RELEASE)) is not None:
            return EscrowMove(waiting, None)
        config = allowed_config(settings, connection)
        is_approved = approved_vote(connection, row, RELEASE) is not None
    template = template_of(row.template)
    assert row.prepared_close is not None
    assert row.cancel_after is not None  # it is on its ledger
    with opened(settings, config, XRPL) as ledger:
        close = ledger.closed_at()
        require_before_end(template, row.prepared_close, row.cancel_after, close)
        if not is_approved:
            return EscrowMove(propose(settings, db, RELEASE, release_payload(row), row.parties, by), None)
        with entered(db) as connection:
            same_config(config, allowed_config(settings, connection))
            row = held_escrow(connection, escrow_id)
            require_step(row, "prepare_finish")
            vote = approved_vote(connection, row, RELEASE)
            why, documents = uncleared(settings, connection, row, by), len(documents_of(connection, escrow_id))
            require_conditions(template, row.finish_after, ReleaseFacts(close, why, documents, vote is not None))
            vote = require_vote(vote, row, "the release", f"`fntx escrow finish {escrow_id}` asks for it")
            events: list[NewAuditEvent] = []
            kept = finish_payload(row)
            opened_one = opened_payload(kept, opened_fulfillment(settings, connection, row))
            prepared = prepare_covered(
                settings, connection, ledger, row, vote, FINISH, kept, by, events, built=opened_one
            )
            escrow_step(connection, row, "prepare_finish", by, proposal_id=prepared.proposal_id)
            append_all(settings, connection, events)
    return EscrowMove(None, prepared)
