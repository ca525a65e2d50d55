"""What is judged of an escrow's transaction right before it is sent: people may have taken days to sign it."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.escrows.events import CREATE, FINISH
from fntx_dagster.escrows.guards import require_before_end
from fntx_dagster.escrows.templates import is_stale, template_of, times_of
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.escrows.moving import known_escrow
from fntx_dagster.services.escrows.payloads import create_payload
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.escrows import EscrowRow, escrow_of_proposal
from fntx_dagster.store.treasury.proposals import kind_of_proposal


def require_in_time(db: Database, ledger: TreasuryLedger, proposal_id: UUID) -> None:
    """Raise StepImpossible where a proposal's transaction creates an escrow that was prepared more than an hour ago by
    the ledger's time, TransactionRefused where the ledger would not take it any more; GuardFails where it finishes one
    whose release is over. Nothing for what is about no escrow that is kept here."""
    with db.connect() as connection:
        kind, escrow_id = kind_of_proposal(connection, proposal_id), escrow_of_proposal(connection, proposal_id)
        if escrow_id is None:
            return
        row = known_escrow(connection, escrow_id)
    if kind == CREATE:
        _require_creatable(ledger, row)
    elif kind == FINISH:
        assert row.prepared_close is not None
        assert row.cancel_after is not None  # it is on its ledger
        require_before_end(template_of(row.template), row.prepared_close, row.cancel_after, ledger.closed_at())


def _require_creatable(ledger: TreasuryLedger, row: EscrowRow) -> None:
    if row.prepared_close is None or is_stale(row.prepared_close, ledger.closed_at()):
        raise StepImpossible(
            "the creation was prepared more than an hour ago, and its times are counted from then",
            f"Prepare it again: `fntx escrow create {row.escrow_id} -o DIR`",
        )
    ledger.terms(create_payload(row, times_of(template_of(row.template), row.prepared_close)), 1)
