"""Proposals as people and programs read them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import PENDING, Decider
from fntx_dagster.governance.decisions import DECISIONS, Terms, decision_bytes
from fntx_dagster.governance.kinds import KINDS, required_roles
from fntx_dagster.governance.machines import PROPOSAL, states
from fntx_dagster.governance.sentences import sentences
from fntx_dagster.services.governance.deciding import judge_by, terms_in
from fntx_dagster.services.governance.holding import HeldBack, held_of
from fntx_dagster.services.governance.signers import deciders
from fntx_dagster.services.governance.steps import NoSuchProposal
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.listing import listed_proposals
from fntx_dagster.store.treasury.platform import PlatformState, platform_state
from fntx_dagster.store.treasury.proposals import (
    DecisionRow,
    ProposalRow,
    decisions_on_each,
    proposal,
    proposals_named,
)
from fntx_dagster.store.treasury.transactions import transaction_of

OPEN = ("draft", "screening", "blocked", "pending_approval", "approved", "prepared", "signing", "ready", "submitted")


class ProposalView(NamedTuple):
    """A proposal with its decisions, and what people sign. `to_sign`: `approve` and `reject` → the exact bytes; empty
    where the decisions are those on another proposal, whose approval covers this one. `held`: which match on a list
    holds it back, and what ends that; empty where none does."""

    terms: Terms
    row: ProposalRow
    payload: Any
    required_roles: tuple[str, ...]
    approvals: list[str]
    rejections: list[str]
    decisions: list[DecisionRow]
    sentences: list[str]
    to_sign: dict[str, bytes]
    held: str = ""

    def as_dict(self) -> dict[str, Any]:
        """A proposal for programs."""
        return {
            **self.terms._asdict(),
            "state": self.row.state,
            "reason": self.row.reason,
            "held": self.held,
            "payload": self.payload,
            "parties": self.row.parties,
            "required_roles": self.required_roles,
            "proposed_by": self.row.proposed_by,
            "created_at": self.row.created_at,
            "approvals": self.approvals,
            "rejections": self.rejections,
            "decisions": [
                {
                    "signer": each.signer_id,
                    "decision": each.decision,
                    "at": each.decided_at,
                    "signature": each.signature,
                }
                for each in self.decisions
            ],
            "sentences": self.sentences,
            "to_sign": {
                decision: {"hex": content.hex(), "base64": base64.b64encode(content).decode()}
                for decision, content in self.to_sign.items()
            },
        }


def show(db: Database, proposal_id: UUID) -> ProposalView:
    """A proposal. Raises NoSuchProposal."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        row = proposal(connection, proposal_id)
        if row is None:
            raise NoSuchProposal(proposal_id)
        [view] = _views(connection, [row])
        return view


def outcome_of(db: Database, proposal_id: UUID) -> str:
    """Where the transaction of a proposal is, in a sentence: its hash, and the ledger that has it; empty before it is
    sent."""
    with db.connect() as connection:
        row = transaction_of(connection, proposal_id)
    if row is None or not row.hash or not row.sent:
        return ""
    where = f"ledger {row.outcome_ledger}" if row.outcome_ledger else "no ledger yet"
    return f"Its transaction {row.hash} is in {where} of {row.ledger}, {row.outcome or row.answer or 'not known'}."


def missing_of(view: ProposalView) -> str:
    """What a proposal that waits for decisions lacks, in words; empty where it waits for none."""
    if view.row.state != PENDING:
        return ""
    roles = f", one of the role {' and one of '.join(view.required_roles)} among them" if view.required_roles else ""
    return f"{len(view.approvals)} of the {view.row.threshold} approvals that it needs are there{roles}."


def list_proposals(
    db: Database, state: str | None = None, *, before: int | None = None, limit: int | None = None
) -> list[ProposalView]:
    """Proposals that are open, newest first; or those in one state, or with `all` every one. `before`: with a smaller
    nonce; `limit`: so many at most."""
    chosen: Sequence[str] | None = OPEN if state is None else None if state == "all" else [state]
    if chosen and not {*chosen} <= {*states(PROPOSAL)}:
        raise Permanent(f"{state} is no state of a proposal", f"It is one of {', '.join(states(PROPOSAL))}, or all")
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        return _views(connection, [each.row for each in listed_proposals(connection, chosen, None, before, limit)])


def paused(db: Database) -> PlatformState | None:
    """Whether the treasury is paused, and why; None before the first signers."""
    with db.connect() as connection:
        return platform_state(connection)


def _views(connection: Connection, rows: Sequence[ProposalRow]) -> list[ProposalView]:
    """Proposals as they are read: as many queries for many as for one, beside two for each signer set."""
    state = platform_state(connection)
    if state is None:
        return []  # there is no proposal without signers
    wholes = {row.proposal_id: row.covered_by for row in rows if row.covered_by}
    known = proposals_named(connection, [*wholes.values()]) if wholes else {}
    decided = {
        row.proposal_id: known.get(wholes[row.proposal_id], row) if row.proposal_id in wholes else row for row in rows
    }
    kept = decisions_on_each(connection, [each.proposal_id for each in decided.values()])
    versions = {row.signer_set for row in [*rows, *decided.values()]}
    sets = {version: deciders(connection, version) for version in versions}
    holding, now = held_of(connection, rows), datetime.now(UTC)
    return [
        _view(state.instance, row, decided[row.proposal_id], kept, sets, holding.get(row.proposal_id), now)
        for row in rows
    ]


def _view(
    instance: str,
    row: ProposalRow,
    decided: ProposalRow,
    kept: Mapping[UUID, list[DecisionRow]],
    sets: Mapping[int, Sequence[Decider]],
    holding: HeldBack | None,
    now: datetime,
) -> ProposalView:
    """A proposal. `decided`: the one that people decided: another, where its approval covers this."""
    terms, payload, decisions = terms_in(instance, row), json.loads(row.payload), kept[decided.proposal_id]
    roles = required_roles(KINDS[row.kind])
    standing = judge_by(sets[decided.signer_set], terms_in(instance, decided), decisions, now)
    signers = sum(not each.removed for each in sets[row.signer_set])
    return ProposalView(
        terms,
        row,
        payload,
        roles,
        standing.approvals,
        standing.rejections,
        decisions,
        sentences(terms, payload, signers, roles) + _covered(decided, row),
        {decision: decision_bytes(terms, decision) for decision in DECISIONS} if decided is row else {},
        holding.words if holding else "",
    )


def _covered(decided: ProposalRow, row: ProposalRow) -> list[str]:
    return [] if decided is row else [f"It was approved with the proposal {decided.nonce}, {decided.proposal_id}."]
