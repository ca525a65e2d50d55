"""What the HTTP API answers of escrows: the types of its OpenAPI document and of the client. No answer holds a
preimage."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict  # the one that pydantic reads before Python 3.12

EscrowPart = dict[str, Any]


class EscrowAnswer(TypedDict):
    """An escrow: its terms, its times by the ledger, every step with who took it, what is possible next."""

    id: str
    template: str
    bond: str | None
    state: str
    reason: str
    network_id: int
    owner: str
    destination: str
    destination_tag: int | None
    amount: str | dict[str, str]
    condition: str
    times_counted_from: str | None
    finish_after: str | None
    release_until: str | None
    cancel_after: str | None
    sequence: int | None
    created_ledger: int | None
    parties: list[str]
    proposed_by: str
    proposed_at: str
    next: str
    possible: list[EscrowPart]
    steps: list[EscrowPart]
    documents: list[EscrowPart]
    proposals: list[EscrowPart]


class EscrowsAnswer(TypedDict):
    """Escrows, newest first."""

    escrows: list[EscrowAnswer]


class EscrowMoveAnswer(TypedDict):
    """How far a creation, a finish or a cancellation is: `vote`, the proposal that waits for decisions, or the
    `transaction` that was prepared, with its `proposal` and its `state`."""

    escrow: str
    vote: str | None
    transaction: dict[str, str] | None


class AttestedAnswer(TypedDict):
    """A document that is attested, and whether it was not before."""

    sha256: str
    is_new: bool


class EscrowTemplatesAnswer(TypedDict):
    """The templates, with who enforces each of their rules: `ledger` or `gate`; and what each guard asks."""

    templates: list[EscrowPart]
    guards: dict[str, str]
