"""Payments set aside: what such a proposal asks for, when it may be decided, and what its approval does.

A payment is set aside only when none of its bytes can get into a ledger any more and the ledger, asked after that was
known, holds no payment with its id. Both are asked before the transaction of the last decision; in it the proposals of
the payment are held, so that nothing is prepared meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.bonds.deals import amounts
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.guards import NOT_ASKED, LedgerSaid
from fntx_dagster.services.bonds.steps import held_bond, known_bond
from fntx_dagster.services.distributions.computing import SUBJECT, held_distribution, known_distribution
from fntx_dagster.services.distributions.ending import confirmed_if_all_paid
from fntx_dagster.services.distributions.repeating import dead_of
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentStanding,
    distribution_proposals,
    payments_of,
)
from fntx_dagster.store.treasury.proposals import decisions_on
from fntx_dagster.store.treasury.set_aside import add_set_aside, asked_aside, attempts_of
from fntx_dagster.store.treasury.transactions import transaction_of

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.bonds import BondRow
    from fntx_dagster.store.treasury.proposals import ProposalRow

_CANCELLED = ("pending_approval", "prepared", "signing")
_GO_ON = "Cancel what is not sent (`fntx treasury cancel`), or wait until its last ledger is over, and try again"


class AsideAsked(NamedTuple):
    """The payments of a distribution that a proposal asks to set aside, and why."""

    bond_id: str
    distribution_id: UUID
    payments: Sequence[dict[str, Any]]
    reason: str

    @property
    def numbers(self) -> list[int]:
        return [each["number"] for each in self.payments]


def aside_payload(bond: BondRow, row: DistributionRow, chosen: Sequence[PaymentStanding], reason: str) -> Any:
    """What signers approve: whose payments are set aside, and how much of each."""
    return {
        "bond": bond.bond_id,
        "distribution": str(row.distribution_id),
        "hash": row.hash,
        "payments": [_shown(bond, each) for each in chosen],
        "reason": reason,
    }


def require_set_aside(connection: Connection, payload: Any) -> AsideAsked:
    """Raise Permanent unless a payload names payments of a distribution that are not made yet, as they were frozen, and
    that no other proposal asks to set aside. What a ledger says of them is judged with the last decision."""
    asked, row, bond, chosen = _known(connection, payload)
    waiting = asked_aside(connection, row.distribution_id)
    for each in chosen:
        if (other := waiting.get(each.payment.number)) is not None:
            raise Permanent(f"the proposal {other} asks to set it aside already", "Decide on it, or cancel it first")
        require_may_be(each)
    if aside_payload(bond, row, chosen, asked.reason) != payload:
        raise Permanent("the payments are not those that were frozen", "`fntx bond set-aside` writes the proposal")
    return asked


def require_may_be(standing: PaymentStanding) -> None:
    """Raise StepImpossible for a payment that is in a ledger, or was set aside."""
    if standing.is_done:
        where = f"in a ledger, by {standing.tx_hash}" if standing.tx_hash else f"set aside: {standing.set_aside}"
        raise StepImpossible(f"payment {standing.payment.number} is {where}", "Name one that is not made")


def asked_before_aside(settings: Settings, db: Database, proposal: ProposalRow | None) -> LedgerSaid:
    """What a ledger says of the payments that a proposal sets aside, where the next decision may be the last that it
    needs. Raises Transient where its server does not answer, or has not the whole history."""
    if proposal is None:
        return NOT_ASKED
    with db.connect() as connection:
        if len(decisions_on(connection, proposal.proposal_id)) + 1 < proposal.threshold:
            return NOT_ASKED
        asked, row, _, _ = _known(connection, json.loads(proposal.payload))
        config = approved_config(settings, connection)
        tried = attempts_of(connection, row.distribution_id, asked.numbers)
        prepared = [tx for ids in tried.values() for each in ids if (tx := transaction_of(connection, each))]
    return _said(settings, config, row, prepared)


def _said(settings: Settings, config: Any, row: DistributionRow, prepared: Sequence[Any]) -> LedgerSaid:
    with opened(settings, config, row.ledger) as ledger:
        dead = frozenset(dead_of(ledger, prepared))
        invoices = frozenset(ledger.invoiced(row.account, row.head))
        return LedgerSaid(ledger.closed_at(), None, dead, invoices)


def payments_set_aside(connection: Connection, proposal: ProposalRow, by: str, said: LedgerSaid) -> list[NewAuditEvent]:
    """Set aside what a proposal was approved for; what the audit log says of it. Raises StepImpossible where a payment
    is in a ledger, or could still get into one: then nothing is decided."""
    asked = _read(json.loads(proposal.payload))
    bond = held_bond(connection, asked.bond_id)
    row = held_distribution(connection, asked.distribution_id)
    _, _, _, chosen = _known(connection, json.loads(proposal.payload))
    if said.closed_at is None or said.dead is None:
        raise StepImpossible("no ledger was asked whether it holds the payments", "Try again")
    tried = attempts_of(connection, row.distribution_id, asked.numbers)
    events: list[NewAuditEvent] = []
    for each in chosen:
        require_may_be(each)
        if each.payment.invoice_id in said.invoices:
            raise StepImpossible(f"a ledger holds payment {each.payment.number}", "`fntx bond pay` records it")
        for attempt in tried.get(each.payment.number, ()):
            _end(connection, attempt, said.dead, asked.reason, by, events)
    day = said.closed_at.astimezone(UTC).date()
    add_set_aside(connection, row.distribution_id, asked.numbers, proposal.proposal_id, asked.reason, day, by)
    details = {
        "decision": "payments_set_aside",
        "bond": bond.bond_id,
        "hash": row.hash,
        "proposal": str(proposal.proposal_id),
        "reason": asked.reason,
        "amount": _money(bond, sum((each.payment.amount for each in chosen), Decimal(0))),
        "payments": [_shown(bond, each) for each in chosen],
    }
    events.append(NewAuditEvent("decision_recorded", by, EventSubject(SUBJECT, str(row.distribution_id)), details))
    row = confirmed_if_all_paid(connection, row, bond, said.closed_at, by, events)
    if row.state == "confirmed":
        for each in distribution_proposals(connection, row.distribution_id):
            whole = held(connection, each)
            if whole.state == "pending_approval":
                taken(connection, whole, "cancel", by, events, "every payment is made or set aside")
    return events


def _known(connection: Connection, payload: Any) -> tuple[AsideAsked, DistributionRow, BondRow, list[PaymentStanding]]:
    asked = _read(payload)
    row = known_distribution(connection, asked.distribution_id)
    if row.is_withdrawn or row.state == "confirmed":
        state = "withdrawn" if row.is_withdrawn else row.state
        raise StepImpossible(f"the distribution {row.distribution_id} is {state}", "It has no payment to set aside")
    by_number = {each.payment.number: each for each in payments_of(connection, row.distribution_id)}
    if strange := [number for number in asked.numbers if number not in by_number]:
        raise Permanent(f"the distribution has no payment {strange[0]}", "`fntx bond pay ID` lists its payments")
    if len({*asked.numbers}) < len(asked.numbers):
        raise Permanent("a payment is named twice", "Name each once")
    return asked, row, known_bond(connection, row.bond_id), [by_number[number] for number in asked.numbers]


def _read(payload: Any) -> AsideAsked:
    whole = StrictFields(payload, "")
    bond_id, named = whole.text("bond"), whole.text("distribution")
    whole.text("hash")
    payments = [each.content for each in whole.objects("payments")]
    reason = whole.text("reason")
    whole.end()
    require_plain("reason", reason)
    try:
        distribution_id = UUID(named)
    except ValueError:
        raise Permanent(f"distribution is {named[:70]!r}, no id of one", "`fntx bond cash` lists them") from None
    if not payments or any(type(each.get("number")) is not int for each in payments):
        raise Permanent("payments names no payment by its number", "`fntx bond set-aside` writes the proposal")
    return AsideAsked(bond_id, distribution_id, payments, reason)


def _end(
    connection: Connection,
    attempt: UUID,
    dead: frozenset[UUID],
    reason: str,
    by: str,
    events: list[NewAuditEvent],
) -> None:
    row = held(connection, attempt)
    if attempt not in dead and transaction_of(connection, attempt) is not None:
        raise StepImpossible(f"what was prepared of the proposal {attempt} may still get into a ledger", _GO_ON)
    if row.state in _CANCELLED:
        taken(connection, row, "cancel", by, events, f"set aside: {reason}")


def _shown(bond: BondRow, standing: PaymentStanding) -> dict[str, Any]:
    own = standing.payment
    return {
        "number": own.number,
        "party": own.party,
        "address": own.address,
        "amount": _money(bond, own.amount),
        "invoice_id": own.invoice_id,
    }


def _money(bond: BondRow, amount: Decimal) -> str:
    return amounts(bond.decimals)(int(amount.scaleb(bond.decimals)))
