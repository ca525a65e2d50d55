"""What a proposal's decisions come to: who approved, who rejected, which count for nothing and why, and the state that
follows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.governance.decisions import APPROVE, REJECT, Terms, decision_bytes
from fntx_dagster.governance.signatures import verifies

APPROVED, REJECTED, EXPIRED, PENDING = "approved", "rejected", "expired", "pending_approval"


class Decider(NamedTuple):
    """Whoever may decide. `removed`: belongs to the set no longer."""

    id: str
    role: str
    scheme: str
    public_key: bytes
    removed: bool = False


class Decision(NamedTuple):
    """What somebody handed in as a signer's decision, and when."""

    signer: str
    decision: str
    at: datetime
    signature: bytes


class InvalidDecision(NamedTuple):
    """A decision that counts for nothing: `unknown_signer`, `removed_signer`, `duplicate`, `late` or
    `bad_signature`, the first of these that applies."""

    signer: str
    reason: str


class Standing(NamedTuple):
    """Where a proposal stands: signers' ids in order; `invalid` in the order in which decisions were handed over."""

    state: str
    approvals: list[str]
    rejections: list[str]
    invalid: list[InvalidDecision]


def judged(
    signers: Sequence[Decider], terms: Terms, decisions: Sequence[Decision], roles: Sequence[str], now: datetime
) -> Standing:
    """Where a proposal stands at `now`. The first decision of a signer by its time stands, of several at one moment
    the first in order; what does not count takes nobody's turn. Approved takes precedence over rejected, and both over
    expired: what was decided in time stays decided."""
    known = {signer.id: signer for signer in signers}
    counted: dict[str, str] = {}
    reasons: dict[int, InvalidDecision] = {}
    for place in sorted(range(len(decisions)), key=lambda place: decisions[place].at):
        decision = decisions[place]
        reason = _reason(known.get(decision.signer), terms, decision, counted)
        if reason:
            reasons[place] = InvalidDecision(decision.signer, reason)
        else:
            counted[decision.signer] = decision.decision
    approvals = sorted(signer for signer, decision in counted.items() if decision == APPROVE)
    rejections = sorted(counted.keys() - set(approvals))
    state = _state(signers, terms, {*approvals}, {*rejections}, roles, now)
    return Standing(state, approvals, rejections, [reasons[place] for place in sorted(reasons)])


def _reason(signer: Decider | None, terms: Terms, decision: Decision, counted: dict[str, str]) -> str | None:
    if signer is None:
        return "unknown_signer"
    if signer.removed:
        return "removed_signer"
    if signer.id in counted:
        return "duplicate"
    if decision.at >= terms.ends_at:
        return "late"
    is_one = decision.decision in (APPROVE, REJECT)
    if not is_one or not verifies(
        signer.scheme, signer.public_key, decision_bytes(terms, decision.decision), decision.signature
    ):
        return "bad_signature"
    return None


def _state(
    signers: Sequence[Decider],
    terms: Terms,
    approvals: set[str],
    rejections: set[str],
    roles: Sequence[str],
    now: datetime,
) -> str:
    active = [signer for signer in signers if not signer.removed]
    approving = {signer.role for signer in active if signer.id in approvals}
    if len(approvals) >= terms.threshold and approving.issuperset(roles):
        return APPROVED
    left = [signer for signer in active if signer.id not in rejections]
    if len(left) < terms.threshold or not {signer.role for signer in left}.issuperset(roles):
        return REJECTED
    return EXPIRED if now >= terms.ends_at else PENDING
