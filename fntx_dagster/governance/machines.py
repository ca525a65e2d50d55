"""The states of proposals, ledger transactions, escrows and bonds: every step that is possible, as data.

A step that is not in its table is refused. The database's checks on states, `fntx treasury machines` and the diagrams
are made of these tables. The guards are names: whoever takes a step has to show that its guard holds.
"""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.errors import Permanent

START = "–"
"""Stands for the state before there is anything."""


class Transition(NamedTuple):
    """One row: in `state`, `event` leads to `next`, if `guard` holds and so many signers approve. A proposal's own
    `approvals` may be more: its kind says."""

    state: str
    event: str
    next: str
    guard: str = ""
    approvals: int = 0


PROPOSAL = (
    Transition(START, "draft", "draft", "payload_valid"),
    Transition("draft", "screen", "screening"),
    Transition("screening", "cleared", "pending_approval", "screening_clear"),
    Transition("screening", "hit", "blocked"),
    Transition("blocked", "dispose_false_positive", "pending_approval", "by_compliance", 1),
    Transition("pending_approval", "approve", "approved", "quorum", 2),
    Transition("pending_approval", "reject", "rejected", "quorum_unreachable"),
    Transition("pending_approval", "expire", "expired", "past_expiry"),
    Transition("pending_approval", "cancel", "cancelled", "reason_given"),
    Transition("approved", "prepare", "prepared", "rescreening_clear, not_paused, config_approved"),
    Transition("approved", "hit", "blocked"),
    Transition("approved", "expire", "expired", "past_expiry"),
    Transition("prepared", "sign", "signing", "signature_verifies"),
    Transition("signing", "complete", "ready", "signatures_complete"),
    Transition("ready", "submit", "submitted", "not_paused"),
    Transition("submitted", "confirm", "confirmed", "validated_success"),
    Transition("submitted", "fail", "failed", "validated_failure"),
    Transition("submitted", "lapse", "expired", "past_last_ledger"),
    Transition("prepared", "lapse", "expired", "past_last_ledger"),
    Transition("signing", "lapse", "expired", "past_last_ledger"),
    Transition("ready", "lapse", "expired", "past_last_ledger"),
    Transition("prepared", "cancel", "cancelled", "reason_given"),
    Transition("signing", "cancel", "cancelled", "reason_given"),
)

LEDGER_TX = (
    Transition(START, "prepare", "pending_signature", "not_paused"),
    Transition("pending_signature", "sign", "partially_signed", "signature_verifies"),
    Transition("pending_signature", "complete", "ready_to_submit", "signatures_complete"),
    Transition("partially_signed", "complete", "ready_to_submit", "signatures_complete"),
    Transition("ready_to_submit", "submit", "submitted", "not_paused"),
    Transition("submitted", "confirm", "confirmed", "validated_success"),
    Transition("submitted", "fail", "failed", "validated_failure"),
    Transition("submitted", "lapse", "expired", "past_last_ledger"),
    Transition("pending_signature", "lapse", "expired", "past_last_ledger"),
    Transition("partially_signed", "lapse", "expired", "past_last_ledger"),
    Transition("ready_to_submit", "lapse", "expired", "past_last_ledger"),
    Transition("pending_signature", "cancel", "cancelled", "reason_given"),
    Transition("partially_signed", "cancel", "cancelled", "reason_given"),
    Transition("ready_to_submit", "cancel", "cancelled", "sequence_used_by_another"),
)

ESCROW = (
    Transition(START, "propose", "Proposed", "template_holds"),
    Transition("Proposed", "submit", "Pending_Approval", "screening_clear"),
    Transition("Pending_Approval", "approve", "Approved", "quorum", 2),
    Transition("Pending_Approval", "reject", "Rejected", "quorum_unreachable"),
    Transition("Pending_Approval", "expire", "Rejected", "past_expiry"),
    Transition("Approved", "submit_create", "Created", "rescreening_clear, signatures_complete, not_paused", 2),
    Transition("Created", "confirm_create", "Active", "validated_success"),
    Transition("Created", "fail_create", "Rejected", "validated_failure_or_expired"),
    Transition("Active", "prepare_finish", "Finishing", "conditions_met, before_cancel_after, not_paused", 2),
    Transition("Finishing", "confirm_finish", "Released", "validated_success"),
    Transition("Finishing", "fail_finish", "Active", "validated_failure_or_expired"),
    Transition("Active", "prepare_cancel", "Cancelling", "after_cancel_after"),
    Transition("Cancelling", "confirm_cancel", "Cancelled", "validated_success"),
    Transition("Cancelling", "fail_cancel", "Active", "validated_failure_or_expired"),
    Transition("Active", "dispute", "Disputed", "reason_given", 1),
    Transition("Disputed", "resolve", "Active", "reason_given", 2),
    Transition("Disputed", "arbitrate_cancel", "Cancelling", "after_cancel_after", 2),
)

BOND = (
    Transition(START, "create", "Draft", "terms_valid"),
    Transition("Draft", "structure", "Structuring", "series_and_tranches_sum"),
    Transition("Structuring", "submit", "Pending_Approval", "screening_clear"),
    Transition("Pending_Approval", "approve", "Active", "quorum", 2),
    Transition("Pending_Approval", "reject", "Rejected", "quorum_unreachable"),
    Transition("Pending_Approval", "expire", "Rejected", "past_expiry"),
    Transition("Active", "escrow_created", "Funding", "escrow_active"),
    Transition("Funding", "escrow_confirmed", "Funded", "funded_at_least_notional, validated"),
    Transition("Funded", "run_waterfall", "Distributing", "cash_received, not_paused"),
    Transition("Distributing", "payments_confirmed", "Current", "every_payment_confirmed"),
    Transition("Current", "miss_payment", "Delinquent", "after_due_plus_grace"),
    Transition("Delinquent", "pay", "Current", "arrears_zero"),
    Transition("Delinquent", "cure_period_ends", "Defaulted", "after_default_date"),
    Transition("Defaulted", "remediate", "Cured", "arrears_zero", 2),
    Transition("Cured", "reinstate", "Current", "not_paused", 2),
    Transition("Defaulted", "accelerate", "Accelerated", "trustee_among_approvals", 2),
    Transition("Accelerated", "liquidate", "Liquidating", "trustee_among_approvals", 2),
    Transition("Liquidating", "assets_distributed", "Liquidated", "every_payment_confirmed"),
    Transition("Current", "mature", "Matured", "outstanding_zero_and_past_maturity"),
    Transition("Matured", "settle", "Redeemed", "supply_redeemed", 2),
    Transition("Active", "pause", "Paused", "reason_given", 1),
    Transition("Paused", "resume", "Active", "reason_given", 2),
)

MACHINES = {"bond": BOND, "escrow": ESCROW, "proposal": PROPOSAL, "ledger_tx": LEDGER_TX}


def states(machine: tuple[Transition, ...]) -> tuple[str, ...]:
    """Every state of a table, in the order in which the table first leads to it."""
    return tuple(dict.fromkeys(step.next for step in machine))


class StepImpossible(Permanent):
    """What was asked for is not possible in the state that it is in."""


def step(machine: tuple[Transition, ...], state: str, event: str) -> Transition:
    """The step that an event makes in a state. Raises StepImpossible where there is none, with the state's events."""
    events = [each for each in machine if each.state == state]
    for each in events:
        if each.event == event:
            return each
    allowed = ", ".join(each.event for each in events) or "nothing, it is final"
    raise StepImpossible(f"{event} is not possible in the state {state}", f"Possible there: {allowed}")


def mermaid(machine: tuple[Transition, ...]) -> str:
    """The table as a state diagram in Mermaid's language; every final state leads to its end."""
    left = {each.state for each in machine}
    lines = ["stateDiagram-v2"]
    for each in machine:
        from_state = "[*]" if each.state == START else each.state
        needed = f" ({each.approvals} approve)" if each.approvals else ""
        lines.append(f"    {from_state} --> {each.next}: {each.event}{needed}")
    lines += [f"    {state} --> [*]" for state in states(machine) if state not in left]
    return "\n".join([*lines, ""])
