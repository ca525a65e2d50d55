"""A step of a ledger transaction: possible by its table, taken by one statement, told to the audit log."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import EventSubject, LedgerPlace, NewAuditEvent
from fntx_dagster.errors import Transient
from fntx_dagster.governance.machines import LEDGER_TX, START, step
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.transactions import (
    OPEN_STATES,
    LedgerTxRow,
    keep_signed,
    move_transaction,
    transaction_of,
)


def tx_step(
    connection: Connection,
    row: LedgerTxRow,
    event: str,
    by: str,
    events: list[NewAuditEvent],
    *,
    outcome: str = "",
    ledger: int | None = None,
    submitted_ledger: int | None = None,
) -> LedgerTxRow:
    """Take a step of a transaction; what the log has to say of it is added to `events`. `ledger`: the one that holds
    it. Raises Permanent where the step is not possible, Transient where another process took one meanwhile."""
    after = step(LEDGER_TX, row.state, event).next
    if not move_transaction(
        connection, row, after, outcome=outcome, outcome_ledger=ledger, submitted_ledger=submitted_ledger
    ):
        raise Transient(f"another process moved the transaction of {row.proposal_id}", "Look at it, and try again")
    moved = row._replace(
        state=after,
        outcome=outcome,
        outcome_ledger=ledger,
        submitted_ledger=row.submitted_ledger or submitted_ledger,
    )
    events.append(tx_event(moved, event, by, row.state, outcome))
    return moved


def completed(
    connection: Connection, row: LedgerTxRow, signed: str, digest: str, by: str, events: list[NewAuditEvent]
) -> LedgerTxRow:
    """Keep the signed bytes, and take the step to ready_to_submit."""
    keep_signed(connection, row.tx_id, signed, digest)
    return tx_step(connection, row._replace(signed=signed, hash=digest), "complete", by, events)


def tx_event(row: LedgerTxRow, event: str, by: str, before: str = START, reason: str = "") -> NewAuditEvent:
    """What the audit log says of a step of a transaction."""
    details = {"from": before, "to": row.state, "proposal": str(row.proposal_id), "sha256": row.sha256}
    if row.hash:
        details["hash"] = row.hash
    if reason:
        details["reason"] = reason
    return NewAuditEvent(f"transaction_{event}", by, subject_of(row), details, place_of(row))


def subject_of(row: LedgerTxRow) -> EventSubject:
    """A transaction as the subject of an event."""
    return EventSubject("ledger_tx", str(row.tx_id))


def place_of(row: LedgerTxRow) -> LedgerPlace | None:
    """Where a ledger holds a transaction; None while none does."""
    if row.outcome_ledger is None or row.hash is None:
        return None
    network = int(row.network) if row.ledger == "xrpl" else row.network
    return LedgerPlace(row.ledger, network, row.hash, row.outcome_ledger)


def cancel_transaction(
    connection: Connection, proposal_id: UUID, by: str, events: list[NewAuditEvent], reason: str
) -> None:
    """Cancel the transaction of a proposal that is cancelled, where there is one that waits for signatures."""
    row = transaction_of(connection, proposal_id, for_step=True)
    if row is not None and row.state in OPEN_STATES:
        tx_step(connection, row, "cancel", by, events, outcome=reason)
