"""The steps of a bond that people ask for by name: taken at once, or proposed where the table asks for approvals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.governance.machines import BOND, StepImpossible, step
from fntx_dagster.services.bonds.asking import ledger_said
from fntx_dagster.services.bonds.guards import (
    APPROVE,
    AskedStep,
    LedgerSaid,
    guarded_step,
    kind_of_step,
    require_guards,
)
from fntx_dagster.services.bonds.steps import held_bond, known_bond, logged
from fntx_dagster.services.governance.proposing import proposed
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.store.treasury.platform import entered

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.treasury.bonds import BondRow

CLOCKS = ("miss_payment", "cure_period_ends")
"""Events that Dagster's delinquency_status alone takes, by the ledger's date."""
_OTHERWISE = {
    "structure": "Hand in its series and tranches: `fntx bond structure`",
    "submit": "Screen its parties and ask for its approval: `fntx bond submit`",
    "reject": "It follows when signers reject its proposal: `fntx treasury decide`",
    "expire": "It follows when the time of its proposal is over: `fntx treasury expire`",
}


class BondTransition(NamedTuple):
    """A bond after a step that was asked for: moved, or, with `proposal_id`, as it is until signers approve."""

    row: BondRow
    proposal_id: UUID | None


def transition_bond(
    settings: Settings, db: Database, bond_id: str, event: str, reason: str = "", by: str = TERMINAL
) -> BondTransition:
    """Take a step of a bond, or propose it where the table asks for approvals. Raises StepImpossible with the events
    that are possible, BondGuardFails where a guard does not hold, Transient where its ledger does not answer."""
    require_no_secret(reason)
    with db.connect() as connection:
        row = known_bond(connection, bond_id)
    transition = step(BOND, row.state, event)
    if event in _OTHERWISE:
        raise StepImpossible(f"{event} is not taken by name", _OTHERWISE[event])
    if event in CLOCKS:
        raise StepImpossible(f"{event} is taken by the ledger's date alone", "Dagster's delinquency_status takes it")
    said = ledger_said(settings, db, row, transition)
    if (kind := kind_of_step(transition)) is not None:
        return _proposed(settings, db, row, kind, event, reason, by, said)
    return BondTransition(take_step(settings, db, bond_id, event, by, reason, said), None)


def take_step(
    settings: Settings, db: Database, bond_id: str, event: str, by: str, reason: str, said: LedgerSaid
) -> BondRow:
    """Take a step that needs no approval, with its guard judged in its transaction. Raises what `transition_bond`
    raises."""
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        moved = guarded_step(connection, held_bond(connection, bond_id), event, by, events, said, reason)
        logged(settings, connection, events)
    return moved


def _proposed(
    settings: Settings, db: Database, row: BondRow, kind: str, event: str, reason: str, by: str, said: LedgerSaid
) -> BondTransition:
    """Propose a step whose guard holds now; it is judged again with the last decision."""
    payload: dict[str, Any] = {"bond": row.bond_id, "event": event}
    if kind == APPROVE:
        payload |= {"terms": json.loads(row.terms), "structure": json.loads(row.structure or "null")}
    elif reason:
        payload["reason"] = reason
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        held = held_bond(connection, row.bond_id)
        require_guards(connection, AskedStep(held, step(BOND, held.state, event), said, reason))
        proposal = proposed(settings, connection, kind, payload, events, [row.issuer] if kind == APPROVE else [], by)
        logged(settings, connection, events)
    return BondTransition(held, proposal.proposal_id)
