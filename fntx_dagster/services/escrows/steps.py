"""A step of an escrow: possible by its table, taken by one statement, kept with who took it."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import EventSubject
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.escrows.events import FOLLOWING
from fntx_dagster.governance.machines import ESCROW, START, StepImpossible, step
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.escrows import (
    EscrowRow,
    EscrowStepRow,
    SealedPreimage,
    add_escrow,
    add_step,
    escrow,
    escrow_of_proposal,
    move_escrow,
    set_place,
)
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.transactions import transaction_of

CREATED = "confirm_create"


class NoSuchEscrow(Permanent):
    """There is no escrow with an id."""

    def __init__(self, escrow_id: UUID) -> None:
        super().__init__(f"there is no escrow {escrow_id}", "`fntx escrow list` lists all")


def held_escrow(connection: Connection, escrow_id: UUID) -> EscrowRow:
    """An escrow, held until the transaction ends. Raises NoSuchEscrow."""
    row = escrow(connection, escrow_id, for_step=True)
    if row is None:
        raise NoSuchEscrow(escrow_id)
    return row


def begin_escrow(connection: Connection, row: EscrowRow, preimage: SealedPreimage, by: str) -> None:
    """Keep an escrow with its first step."""
    after = step(ESCROW, START, "propose").next
    add_escrow(connection, row, preimage)
    add_step(connection, row.escrow_id, _kept("propose", START, after, by, "", None, row))


def require_step(row: EscrowRow, event: str) -> None:
    """Raise StepImpossible, with the events of its state, unless an event is possible in an escrow's state."""
    step(ESCROW, row.state, event)


def escrow_step(
    connection: Connection, row: EscrowRow, event: str, by: str, reason: str = "", proposal_id: UUID | None = None
) -> EscrowRow:
    """Take a step of an escrow, in the transaction of what it follows from and of its audit event. Raises
    StepImpossible with the events of its state, Transient where another process took one meanwhile."""
    after = step(ESCROW, row.state, event).next
    if not move_escrow(connection, row.escrow_id, row.state, after, reason):
        raise Transient(f"another process moved the escrow {row.escrow_id}", "Look at it, and try again")
    add_step(connection, row.escrow_id, _kept(event, row.state, after, by, reason, proposal_id, row))
    return row._replace(state=after, reason=reason)


def follow(connection: Connection, proposal: ProposalRow, event: str, by: str, reason: str) -> None:
    """Take the step of an escrow that follows from one of a proposal about it, if one does: the one way in which votes
    and transactions move escrows, whoever took the proposal's step. Raises StepImpossible, and the proposal's step is
    not taken either, where the escrow has to follow and cannot."""
    following = FOLLOWING.get((proposal.kind, event))
    escrow_id = escrow_of_proposal(connection, proposal.proposal_id) if following else None
    if following is None or escrow_id is None:
        return
    row = held_escrow(connection, escrow_id)
    try:
        require_step(row, following.event)
    except StepImpossible:
        if following.must:
            raise
        return
    if following.event == CREATED:
        _place(connection, row, proposal)
    escrow_step(connection, row, following.event, by, reason, proposal.proposal_id)


def escrow_subject(escrow_id: UUID) -> EventSubject:
    """An escrow as the subject of an event."""
    return EventSubject("escrow", str(escrow_id))


def _place(connection: Connection, row: EscrowRow, proposal: ProposalRow) -> None:
    made = transaction_of(connection, proposal.proposal_id)
    assert made is not None
    assert made.outcome_ledger is not None  # it is confirmed
    set_place(connection, row.escrow_id, made.sequence or made.ticket or 0, made.outcome_ledger)


def _kept(
    event: str, before: str, after: str, by: str, reason: str, proposal_id: UUID | None, row: EscrowRow
) -> EscrowStepRow:
    return EscrowStepRow(0, event, before, after, by, reason, proposal_id, row.proposed_at)
