"""The guards of an escrow's steps: each as a question that has an answer, and what it asks as data.

A guard that does not hold says why, in words that name the fact; whoever takes the step refuses it with them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.templates import (
    APPROVED,
    ATTESTED,
    CLOSED_AFTER_FINISH,
    LEAST_BETWEEN,
    SCREENED,
    EscrowTemplate,
    release_ends,
)

GUARDS: Mapping[str, str] = MappingProxyType(
    {
        "template_holds": "terms and times are those of the template, and the ledger would take the escrow",
        "screening_clear": "every party is cleared by the sanctions lists",
        "quorum": "two signers approved, the treasury's among them",
        "quorum_unreachable": "too few are left who could approve, or it was withdrawn",
        "past_expiry": "nobody decided within 72 hours",
        "rescreening_clear": "every party is cleared again, right before it is sent",
        "signatures_complete": "the signatures of the owner's account suffice",
        "not_paused": "the treasury is not paused",
        "validated_success": "a validated ledger holds the transaction, and it did what it says",
        "validated_failure_or_expired": "a validated ledger holds its failure, or none can hold it any more",
        "conditions_met": "what the template asks of a release is there, two approvals with the trustee's among it",
        "before_cancel_after": "the ledger's close time is not after the end of the release",
        "after_cancel_after": "the ledger's close time is after cancel_after: the ledger itself refuses it before",
        "reason_given": "a person said why",
    }
)
"""Guard → what it asks. Each step of `fntx treasury machines` names those that it needs."""


class GuardFails(Permanent):
    """A guard of a step does not hold. `guard`: its name."""

    def __init__(self, guard: str, message: str, way_out: str) -> None:
        self.guard = guard
        super().__init__(f"{message} ({guard})", way_out)


class ReleaseFacts(NamedTuple):
    """What is known when an escrow shall be finished. `close`: the last validated ledger's close time; `uncleared`:
    why a party is not cleared now, empty where all are; `documents`: how many are attested for it; `approved`: whether
    two approved the release, the trustee among them."""

    close: datetime
    uncleared: tuple[str, ...]
    documents: int
    approved: bool


def template_violations(
    template: EscrowTemplate, owner: str, destination: str, amount: Decimal, finish: datetime | None, cancel: datetime
) -> list[str]:
    """Why terms and times are not those of a template: all of it; empty where they are."""
    found: list[str] = []
    if amount <= 0:
        found.append(f"the amount {amount} is not above 0")
    if owner == destination:
        found.append("owner and destination are the same account")
    if (finish is None) != (template.finish_after is None):
        found.append(f"{template.name} has {'no' if template.finish_after is None else 'a'} finish_after")
    if finish is not None and cancel < finish + LEAST_BETWEEN:
        found.append("cancel_after is not at least a day after finish_after")
    return found


def unmet_conditions(template: EscrowTemplate, finish: datetime | None, facts: ReleaseFacts) -> list[str]:
    """Which conditions of a release are not met, each with why; empty where all are."""
    why: dict[str, Iterable[str]] = {
        SCREENED: facts.uncleared,
        ATTESTED: () if facts.documents else ("no document is attested for it",),
        APPROVED: () if facts.approved else ("its release is not approved by two, the trustee among them",),
        CLOSED_AFTER_FINISH: ()
        if finish is None or facts.close > finish
        else (f"the ledger closed at {facts.close:%Y-%m-%d %H:%M:%S}, not after {finish:%Y-%m-%d %H:%M:%S} UTC",),
    }
    return [f"{name}: {reason}" for name in template.conditions for reason in why[name]]


def require_conditions(template: EscrowTemplate, finish: datetime | None, facts: ReleaseFacts) -> None:
    """Raise GuardFails unless the conditions of a release are met."""
    if unmet := unmet_conditions(template, finish, facts):
        raise GuardFails(
            "conditions_met",
            f"the escrow cannot be finished yet: {'; '.join(unmet)}",
            "`fntx escrow attest` attests a document, `fntx escrow finish` asks for the approvals",
        )


def require_before_end(template: EscrowTemplate, counted_from: datetime, cancel: datetime, close: datetime) -> None:
    """Raise GuardFails where an escrow may be released no more, at the ledger's close time `close`."""
    ends = release_ends(template, counted_from, cancel)
    if close > ends:
        raise GuardFails(
            "before_cancel_after",
            f"the escrow could be released until {ends:%Y-%m-%d %H:%M:%S} UTC, and the ledger closed at "
            f"{close:%Y-%m-%d %H:%M:%S}",
            f"It can be cancelled after {cancel:%Y-%m-%d %H:%M:%S} UTC: `fntx escrow cancel`",
        )


def require_after_cancel(cancel: datetime, close: datetime) -> None:
    """Raise GuardFails where an escrow cannot be cancelled yet, at the ledger's close time `close`: the ledger has no
    cancellation before its time, not even by arbitration."""
    if close <= cancel:
        raise GuardFails(
            "after_cancel_after",
            f"the escrow can be cancelled after {cancel:%Y-%m-%d %H:%M:%S} UTC, and the ledger closed at "
            f"{close:%Y-%m-%d %H:%M:%S}",
            "Until then a dispute keeps its preimage closed: `fntx escrow dispute`",
        )
