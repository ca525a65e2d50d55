"""What the HTTP API answers of the treasury and of compliance: the types of its OpenAPI document and of the client.

Amounts are decimals as text, moments in UTC. Keys and signatures are public data; no answer holds a private key.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

TreasuryRow = dict[str, Any]


class ProposalAnswer(TypedDict):
    """A proposal: its terms, what it does in sentences, who decided, and the exact bytes that a signer signs."""

    instance: str
    proposal: str
    kind: str
    nonce: int
    payload_hash: str
    signer_set: int
    threshold: int
    expires_at: str
    state: str
    reason: str
    payload: Any
    parties: list[str]
    required_roles: list[str]
    proposed_by: str
    created_at: str
    approvals: list[str]
    rejections: list[str]
    decisions: list[TreasuryRow]
    sentences: list[str]
    to_sign: dict[str, dict[str, str]]


class ProposalsAnswer(TypedDict):
    """Proposals, newest first; `next`: ask `before` that nonce for the rest, null where this is all."""

    proposals: list[ProposalAnswer]
    next: int | None


class SignersAnswer(TypedDict):
    """Whether the treasury is paused (null before the first signers), and every version of the signer set, newest
    first."""

    platform: TreasuryRow | None
    signer_sets: list[TreasuryRow]


class MachinesAnswer(TypedDict):
    """Every step of each table: state, event, next, guard, and how many have to approve it."""

    bond: list[TreasuryRow]
    escrow: list[TreasuryRow]
    proposal: list[TreasuryRow]
    ledger_tx: list[TreasuryRow]
