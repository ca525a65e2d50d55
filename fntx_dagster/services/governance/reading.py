"""Proposals as people and programs read them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import DECISIONS, Terms, decision_bytes
from fntx_dagster.governance.kinds import KINDS, required_roles
from fntx_dagster.governance.machines import PROPOSAL, states
from fntx_dagster.governance.sentences import sentences
from fntx_dagster.services.governance.covering import covering
from fntx_dagster.services.governance.deciding import judge, terms_of
from fntx_dagster.services.governance.holding import held
from fntx_dagster.services.governance.steps import NoSuchProposal
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import PlatformState, platform_state
from fntx_dagster.store.treasury.proposals import DecisionRow, ProposalRow, decisions_on, proposal, proposals
from fntx_dagster.store.treasury.signer_sets import signers_of

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
        return _view(connection, row)


def list_proposals(
    db: Database, state: str | None = None, *, before: int | None = None, limit: int | None = None
) -> list[ProposalView]:
    """Proposals that are open, newest first; or those in one state, or with `all` every one. `before`: with a smaller
    nonce; `limit`: so many at most."""
    chosen: Sequence[str] | None = OPEN if state is None else None if state == "all" else [state]
    if chosen and not {*chosen} <= {*states(PROPOSAL)}:
        raise Permanent(f"{state} is no state of a proposal", f"It is one of {', '.join(states(PROPOSAL))}, or all")
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        return [_view(connection, row) for row in proposals(connection, chosen, before=before, limit=limit)]


def paused(db: Database) -> PlatformState | None:
    """Whether the treasury is paused, and why; None before the first signers."""
    with db.connect() as connection:
        return platform_state(connection)


def _view(connection: Connection, row: ProposalRow) -> ProposalView:
    terms, payload = terms_of(connection, row), json.loads(row.payload)
    roles = required_roles(KINDS[row.kind])
    decided = _decided(connection, row)
    kept = decisions_on(connection, decided.proposal_id)
    standing = judge(connection, decided, kept, datetime.now(UTC))
    signers, holding = len(signers_of(connection, row.signer_set)), held(connection, row)
    return ProposalView(
        terms,
        row,
        payload,
        roles,
        standing.approvals,
        standing.rejections,
        kept,
        sentences(terms, payload, signers, roles) + _covered(decided, row),
        {decision: decision_bytes(terms, decision) for decision in DECISIONS} if decided is row else {},
        holding.words if holding else "",
    )


def _decided(connection: Connection, row: ProposalRow) -> ProposalRow:
    """The proposal that people decided: another one, where its approval covers this."""
    whole = covering(row)
    return (proposal(connection, whole) if whole else None) or row


def _covered(decided: ProposalRow, row: ProposalRow) -> list[str]:
    return [] if decided is row else [f"It was approved with the proposal {decided.nonce}, {decided.proposal_id}."]
