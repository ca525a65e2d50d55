"""A step of a proposal: possible by its table, taken by one statement, told to the audit log in its transaction.

Within a transaction rows change first and the log is written last: whoever holds the log's lock waits for nobody.
"""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import PROPOSAL, START, step
from fntx_dagster.services.escrows.steps import follow
from fntx_dagster.services.transactions.steps import cancel_transaction
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.platform import platform_state
from fntx_dagster.store.treasury.proposals import ProposalRow, move, proposal

_NEED_RUNNING = ("prepare", "submit")


class NoSuchProposal(Permanent):
    """There is no proposal with an id."""

    def __init__(self, proposal_id: UUID) -> None:
        super().__init__(f"there is no proposal {proposal_id}", "`fntx treasury list` lists all")


class TreasuryPaused(Permanent):
    """A step that nobody may take now: the treasury is paused, or nobody may decide yet."""


def held(connection: Connection, proposal_id: UUID) -> ProposalRow:
    """A proposal, held until the transaction ends. Raises NoSuchProposal."""
    row = proposal(connection, proposal_id, for_step=True)
    if row is None:
        raise NoSuchProposal(proposal_id)
    return row


def taken(
    connection: Connection, row: ProposalRow, event: str, by: str, events: list[NewAuditEvent], reason: str = ""
) -> ProposalRow:
    """Take a step of a proposal in a transaction that entered; what the log has to say of it is added to `events`.
    Raises StepImpossible, Transient where another process took one meanwhile."""
    after = step(PROPOSAL, row.state, event)
    if event in _NEED_RUNNING:
        require_running(connection, row.kind)
    if not move(connection, row.proposal_id, row.state, after.next, reason):
        raise Transient(f"another process moved the proposal {row.proposal_id}", "Look at it, and try again")
    moved = row._replace(state=after.next, reason=reason)
    if event == "cancel":
        cancel_transaction(connection, row.proposal_id, by, events, reason)
    events.append(step_event(moved, event, by, row.state, reason))
    follow(connection, moved, event, by, reason)
    return moved


def step_event(row: ProposalRow, event: str, by: str, before: str = START, reason: str = "") -> NewAuditEvent:
    """What the audit log says of a step."""
    details = {"from": before, "to": row.state, "nonce": row.nonce, "kind": row.kind, "payload_hash": row.payload_hash}
    if reason:
        details["reason"] = reason
    return NewAuditEvent(f"proposal_{event}", by, EventSubject("proposal", str(row.proposal_id)), details)


def require_running(connection: Connection, kind: str | None = None) -> None:
    """Raise TreasuryPaused while it is, unless the step is of a kind that a pause does not stop. Whoever
    prepares, exports or submits asks in the transaction in which it entered: a pause that is decided meanwhile waits
    for its end, and every later step finds it."""
    state = platform_state(connection)
    if state is not None and kind is not None and not KINDS[kind].stops:
        return
    if state is None or state.state != "running":
        raise TreasuryPaused(
            "the treasury is paused" if state else "nobody may decide yet",
            "`fntx treasury resume` proposes to go on" if state else "`fntx treasury enroll` sets up the signers",
        )
