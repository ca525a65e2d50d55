"""Escrows as people and programs see them: where each stands, what is possible next, who took each step. The preimage
is in none of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.guards import GUARDS
from fntx_dagster.escrows.templates import TEMPLATES, EscrowTemplate, release_ends, template_of
from fntx_dagster.governance.machines import ESCROW, Transition, states
from fntx_dagster.services.escrows.payloads import amount_of
from fntx_dagster.services.escrows.steps import NoSuchEscrow
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.escrows import (
    EscrowDocumentRow,
    EscrowProposalRow,
    EscrowRow,
    EscrowStepRow,
    documents_of,
    escrow,
    escrows,
    proposals_of,
    steps_of,
)

STATES = states(ESCROW)
FINAL = tuple(state for state in STATES if not any(each.state == state for each in ESCROW))
OPEN = tuple(state for state in STATES if state not in FINAL)
_COMMANDS = {
    "Proposed": "fntx treasury screen {vote}",
    "Pending_Approval": "fntx treasury show {vote} --sign",
    "Approved": "fntx escrow create {escrow} -o DIR",
    "Created": "fntx treasury confirm {vote}",
    "Active": "fntx escrow finish {escrow} -o DIR",
    "Finishing": "fntx treasury export {vote} -o DIR",
    "Cancelling": "fntx treasury export {vote} -o DIR",
    "Disputed": "fntx escrow resolve {escrow} --reason WHY",
}


class EscrowView(NamedTuple):
    """An escrow with its template, its steps, the documents attested for it, and the proposals about it."""

    row: EscrowRow
    template: EscrowTemplate
    steps: list[EscrowStepRow]
    documents: list[EscrowDocumentRow]
    proposals: list[EscrowProposalRow]

    @property
    def release_until(self) -> datetime | None:
        """The last close time of the ledger at which it may be finished; None before it has times."""
        if self.row.prepared_close is None or self.row.cancel_after is None:
            return None
        return release_ends(self.template, self.row.prepared_close, self.row.cancel_after)

    @property
    def possible(self) -> list[Transition]:
        """The steps that its state has."""
        return [each for each in ESCROW if each.state == self.row.state]

    @property
    def next(self) -> str:
        """The command that goes on; empty where it is over."""
        vote = self.proposals[-1].proposal_id if self.proposals else ""
        return _COMMANDS.get(self.row.state, "").format(escrow=self.row.escrow_id, vote=vote)

    def as_dict(self) -> dict[str, Any]:
        """The fields of --json and of the API."""
        row = self.row
        return {
            "id": str(row.escrow_id),
            "template": row.template,
            "bond": row.bond_id,
            "state": row.state,
            "reason": row.reason,
            "network_id": row.network_id,
            "owner": row.owner,
            "destination": row.destination,
            "destination_tag": row.destination_tag,
            "amount": amount_of(row),
            "condition": row.condition,
            "times_counted_from": row.prepared_close,
            "finish_after": row.finish_after,
            "release_until": self.release_until,
            "cancel_after": row.cancel_after,
            "sequence": row.sequence,
            "created_ledger": row.created_ledger,
            "parties": row.parties,
            "proposed_by": row.proposed_by,
            "proposed_at": row.proposed_at,
            "next": self.next,
            "possible": [each._asdict() for each in self.possible],
            "steps": [
                {**each._asdict(), "proposal_id": str(each.proposal_id) if each.proposal_id else None}
                for each in self.steps
            ],
            "documents": [each._asdict() for each in self.documents],
            "proposals": [
                {"id": str(each.proposal_id), "kind": each.kind, "state": each.state, "reason": each.reason}
                for each in self.proposals
            ],
        }


def show_escrow(db: Database, escrow_id: UUID) -> EscrowView:
    """An escrow. Raises NoSuchEscrow."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        row = escrow(connection, escrow_id)
        if row is None:
            raise NoSuchEscrow(escrow_id)
        return _view(connection, row)


def list_escrows(db: Database, state: str | None = None, limit: int | None = None) -> list[EscrowView]:
    """Escrows that are open, newest first; or those in one state, or with `all` every one."""
    if state not in (None, "all", *states(ESCROW)):
        raise Permanent(f"{state[:40]!r} is no state of an escrow", f"It is one of {', '.join(states(ESCROW))}, or all")
    chosen = OPEN if state is None else None if state == "all" else [state]
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        return [_view(connection, row) for row in escrows(connection, chosen, limit)]


def templates_as_dict() -> dict[str, Any]:
    """The templates and the guards, as data: who enforces each rule, and what is answered."""
    return {
        "templates": [
            {
                "name": each.name,
                "purpose": each.purpose,
                "finish_after_seconds": _seconds(each.finish_after),
                "release_within_seconds": _seconds(each.release_within),
                "cancel_after_seconds": _seconds(each.cancel_after),
                "conditions": list(each.conditions),
                "rules": [rule._asdict() for rule in each.rules],
            }
            for each in TEMPLATES.values()
        ],
        "guards": dict(GUARDS),
    }


def _seconds(time: Any) -> int | None:
    return None if time is None else int(time.total_seconds())


def _view(connection: Connection, row: EscrowRow) -> EscrowView:
    own = row.escrow_id
    return EscrowView(
        row,
        template_of(row.template),
        steps_of(connection, own),
        documents_of(connection, own),
        proposals_of(connection, own),
    )
