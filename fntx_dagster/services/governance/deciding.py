"""Decisions: verified before they are kept, counted together, and what follows from the last one that was needed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import APPROVED, PENDING, REJECTED, Decider, Decision, Standing, judged
from fntx_dagster.governance.decisions import DECISIONS, Terms, moment_text
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.kinds import KINDS, SET_ASIDE, required_roles
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.asking import asked_before
from fntx_dagster.services.bonds.effects import bond_not_approved
from fntx_dagster.services.bonds.steps import logged
from fntx_dagster.services.distributions.asides import asked_before_aside
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import active_set
from fntx_dagster.services.governance.effects import ALONE, effect
from fntx_dagster.services.governance.signers import deciders
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered, platform_state
from fntx_dagster.store.treasury.proposals import (
    DecisionRow,
    ProposalRow,
    add_decision,
    decisions_on,
    proposal,
)


class DecisionRefused(Permanent):
    """A decision that does not count, and is not kept. `code`: why, as the calculator has it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message, _WAYS_OUT.get(code, ""))


_WAYS_OUT = {
    "unknown_signer": "`fntx treasury signers` lists who may decide",
    "removed_signer": "`fntx treasury signers` lists who may decide",
    "duplicate": "The first decision of a signer stands",
    "late": "Make a new proposal",
    "bad_signature": "Sign the bytes that `fntx treasury show ID --sign` prints, with the key that is registered",
}


class Handed(NamedTuple):
    """A decision as its file has it."""

    signer: str
    decision: str
    signature: str


def read_decision(document: Any, proposal_id: UUID) -> Handed:
    """The decision of a file: `signer`, `decision`, `signature` in hex, and `proposal` where it is named."""
    fields = StrictFields(document, "")
    given = Handed(
        fields.text("signer"),
        fields.one_of("decision", DECISIONS),
        fields.checked("signature", lambda text: text.isascii() and text.isalnum(), "hex"),
    )
    for name in ("at", "proposal"):
        if fields.has(name) and fields.text(name) != str(proposal_id) and name == "proposal":
            raise Permanent("the decision is on another proposal", "Give the id that its file names")
    fields.end()
    return given


def decide(settings: Settings, db: Database, proposal_id: UUID, document: Any) -> ProposalRow:
    """Keep a signer's decision and take the step that follows from it; the proposal as it is then. Raises
    DecisionRefused where the decision does not count, StepImpossible where none does any more, Transient
    where the clock was turned back: nothing is kept of it."""
    given = read_decision(document, proposal_id)
    with db.connect() as connection:
        known = proposal(connection, proposal_id)
    ask = asked_before_aside if known is not None and known.kind == SET_ASIDE else asked_before
    said = ask(settings, db, known)
    with entered(db, alone=known is not None and known.kind in ALONE) as connection:
        row = held(connection, proposal_id)
        earlier = decisions_on(connection, proposal_id)
        if row.state != PENDING:
            if any(each.signer_id == given.signer for each in earlier):
                raise DecisionRefused("duplicate", f"the proposal is {row.state}, and {given.signer} has decided")
            raise StepImpossible(f"the proposal is {row.state}", "Decisions count while it is pending_approval")
        if row.signer_set != active_set(connection).version:
            raise StepImpossible("the proposal is of an earlier signer set", "Make a new proposal, and cancel this one")
        now = time_after_log(connection)
        new = DecisionRow(given.signer, given.decision, given.signature.upper(), now)
        standing = judge(connection, row, [*earlier, new], now)
        if standing.invalid:
            reason = standing.invalid[-1].reason
            raise DecisionRefused(reason, f"the decision of {given.signer} does not count ({reason})")
        add_decision(connection, proposal_id, new)
        by = f"signer:{given.signer}"
        events = [_recorded(row, new, by)]
        if standing.state == REJECTED:
            row = taken(connection, row, "reject", by, events)
            events += bond_not_approved(connection, row, "reject", by)
        elif standing.state == APPROVED:
            row = taken(connection, row, "approve", by, events)
            events += effect(settings, db, connection, row, by, now, said)
        logged(settings, connection, events)
    return row


def terms_of(connection: Connection, row: ProposalRow) -> Terms:
    """What is signed of a proposal."""
    state = platform_state(connection)
    assert state  # there is no proposal without signers
    return terms_in(state.instance, row)


def terms_in(instance: str, row: ProposalRow) -> Terms:
    """The same, of the installation."""
    return Terms(
        instance,
        str(row.proposal_id),
        row.kind,
        row.nonce,
        row.payload_hash,
        row.signer_set,
        row.threshold,
        moment_text(row.expires_at),
    )


def judge(connection: Connection, row: ProposalRow, rows: list[DecisionRow], now: datetime) -> Standing:
    """Where a proposal stands with these decisions."""
    return judge_by(deciders(connection, row.signer_set), terms_of(connection, row), rows, now)


def judge_by(signers: Sequence[Decider], terms: Terms, rows: Sequence[DecisionRow], now: datetime) -> Standing:
    """The same by those who may decide on it."""
    decisions = [Decision(each.signer_id, each.decision, each.decided_at, _hex(each.signature)) for each in rows]
    return judged(signers, terms, decisions, required_roles(KINDS[terms.kind]), now)


def payload_of(row: ProposalRow) -> Any:
    """The payload of a proposal as a value."""
    return json.loads(row.payload)


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def _recorded(row: ProposalRow, new: DecisionRow, by: str) -> NewAuditEvent:
    details = {"decision": new.decision, "signature": new.signature, "signer_set": row.signer_set, "nonce": row.nonce}
    return NewAuditEvent("decision_recorded", by, EventSubject("proposal", str(row.proposal_id)), details)
