"""What the decisions on a proposal do to its bond, in their transaction: an approval takes the step that it names, a
rejection or the end of its time rejects a bond that waits for its approval."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.machines import BOND, StepImpossible, step
from fntx_dagster.services.bonds.guards import (
    APPROVE,
    BOND_KINDS,
    NOT_ASKED,
    AskedStep,
    LedgerSaid,
    kind_of_step,
    require_guards,
)
from fntx_dagster.services.bonds.steps import SUBJECT, held_bond, step_taken
from fntx_dagster.store.treasury.bonds import BondRow, add_bond_proposal, bond_proposals, bonds, tranches_of
from fntx_dagster.store.treasury.proposals import proposal

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.proposals import ProposalRow

WAITS = "Pending_Approval"
_OVER = ("confirmed", "failed", "expired", "rejected", "cancelled", "approved")


class BondStep(NamedTuple):
    """The step of a bond that a proposal asks for. `terms`, `structure`: the documents that people approve, None for
    any other step."""

    bond_id: str
    event: str
    reason: str
    terms: Any = None
    structure: Any = None


def read_bond_step(payload: Any) -> BondStep:
    """What the payload of a bond's proposal asks for. Raises Permanent that names the field that is wrong."""
    whole = StrictFields(payload, "")
    bond_id, event = whole.text("bond"), whole.text("event")
    reason = whole.text("reason") if whole.has("reason") else ""
    documents = [whole.any(name) for name in ("terms", "structure")] if event == "approve" else [None, None]
    whole.end()
    return BondStep(bond_id, event, reason, *documents)


def require_bond_step(connection: Connection, kind: str, payload: Any, said: LedgerSaid = NOT_ASKED) -> BondStep:
    """Raise Permanent unless a proposal of a kind asks for a step that its bond can take now, that is of the kind, and
    that no other proposal asks for. The bond is held until the transaction ends. What a ledger says is judged where
    it was asked, and again with the last decision."""
    asked = read_bond_step(payload)
    row = held_bond(connection, asked.bond_id)
    transition = step(BOND, row.state, asked.event)
    if kind_of_step(transition) != kind:
        right = kind_of_step(transition)
        way_out = f"Propose it as {right}" if right else "It needs no proposal: `fntx bond transition`"
        raise Permanent(f"{asked.event} is no step of {kind}", way_out)
    if kind == APPROVE:
        _require_documents(row, asked)
    for each, event, state in bond_proposals(connection, row.bond_id):
        if event == asked.event and state not in _OVER:
            raise Permanent(f"the proposal {each} asks for {event} already", "Decide on it, or cancel it first")
    return asked


def note_bond_step(connection: Connection, row: ProposalRow) -> None:
    """Keep which bond a proposal is about."""
    asked = read_bond_step(json.loads(row.payload))
    add_bond_proposal(connection, row.proposal_id, asked.bond_id, asked.event)


def bond_approved(connection: Connection, row: ProposalRow, by: str, said: LedgerSaid) -> list[NewAuditEvent]:
    """Take the step of a bond that a proposal was approved for; what the audit log says of it. Raises StepImpossible
    where the bond moved on meanwhile, or a guard does not hold any more: then nothing is decided."""
    asked = read_bond_step(json.loads(row.payload))
    held = held_bond(connection, asked.bond_id)
    transition = step(BOND, held.state, asked.event)
    if kind_of_step(transition) != row.kind:
        raise StepImpossible(f"{asked.event} is no step of {row.kind}", "Make a new proposal")
    require_guards(connection, AskedStep(held, transition, said, asked.reason))
    if row.kind == APPROVE:
        _require_documents(held, asked)
    events: list[NewAuditEvent] = []
    moved = step_taken(
        connection,
        held,
        asked.event,
        by,
        events,
        reason=asked.reason,
        proposal_id=row.proposal_id,
        ledger_date=said.closed_at,
    )
    if row.kind == APPROVE:
        events += [
            _activated(moved, each.tranche_id, each.class_name, by) for each in tranches_of(connection, moved[0])
        ]
    return events


def bond_not_approved(connection: Connection, row: ProposalRow, event: str, by: str) -> list[NewAuditEvent]:
    """Reject a bond whose approval signers rejected (`reject`), or did not give in time (`expire`)."""
    if row.kind != APPROVE:
        return []
    asked = read_bond_step(json.loads(row.payload))
    held = held_bond(connection, asked.bond_id)
    if held.state != WAITS:
        return []
    events: list[NewAuditEvent] = []
    step_taken(connection, held, event, by, events, proposal_id=row.proposal_id)
    return events


def left_waiting(connection: Connection, now: datetime) -> list[ProposalRow]:
    """The last proposals of bonds that wait for an approval that cannot come any more: it was cancelled, as with its
    signer set, and its time is over at `now` (aware)."""
    found: list[ProposalRow] = []
    for row in bonds(connection, [WAITS]):
        newest = next((each for each, event, _ in bond_proposals(connection, row.bond_id) if event == "approve"), None)
        last = proposal(connection, newest) if newest else None
        if last is not None and last.state in _OVER and last.expires_at <= now:
            found.append(last)
    return found


def is_of_a_bond(kind: str) -> bool:
    """Whether proposals of a kind are about bonds."""
    return kind in BOND_KINDS


def _require_documents(row: BondRow, asked: BondStep) -> None:
    """What people approve is what is kept, by its hash."""
    for name, document, digest in (
        ("terms", asked.terms, row.terms_hash),
        ("structure", asked.structure, row.structure_hash),
    ):
        if payload_hash(document) != digest:
            raise Permanent(f"{name} are not those of {row.bond_id}", "`fntx bond submit` writes the proposal")


def _activated(row: BondRow, tranche_id: str, class_name: str, by: str) -> NewAuditEvent:
    details = {"tranche": tranche_id, "class": class_name}
    return NewAuditEvent("tranche_activated", by, EventSubject(SUBJECT, row.bond_id), details)
