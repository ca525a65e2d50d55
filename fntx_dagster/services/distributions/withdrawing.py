"""A distribution withdrawn, and a receipt voided: what was computed or recorded wrongly is taken back by a new row,
with a reason and an event of the audit log.

Nothing is taken back of which a payment is in a ledger, or could still get into one: a proposal that was prepared has
bytes that its signers may put together and send on their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.bonds.steps import held_bond, logged
from fntx_dagster.services.distributions.computing import SUBJECT, held_distribution, known_distribution
from fntx_dagster.services.distributions.repeating import dead_of
from fntx_dagster.services.distributions.settling import settled
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.cash_receipts import CashReceiptRow, cash_receipt, receipts_of, void_receipt
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    distribution_proposals,
    payments_of,
    withdraw_distribution,
)
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import covered
from fntx_dagster.store.treasury.transactions import transaction_of

if TYPE_CHECKING:
    from fntx_dagster.services.transactions.ledgers import TreasuryLedger
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.proposals import ProposalRow
    from fntx_dagster.store.treasury.transactions import LedgerTxRow

_CANCELLED = ("pending_approval", "prepared", "signing")
"""What can be cancelled. An approval that was given stays, and lets nothing be prepared or sent any more."""
_GO_ON = "Cancel what is not sent (`fntx treasury cancel`), go on with `fntx bond pay`, and try again"


def withdraw(
    settings: Settings, db: Database, distribution_id: UUID, reason: str, by: str = TERMINAL
) -> DistributionRow:
    """Withdraw a distribution: it is failed for good, its proposals are cancelled, its receipts are free again, and the
    next one starts from what the one before it left. Raises Permanent without a reason, for one that is confirmed or
    withdrawn, and while a payment of it is in a ledger or could still get into one; Transient where the server does not
    answer, or has not the whole history."""
    _require_reason("a withdrawal", reason)
    found = settled(settings, db, distribution_id)
    _require_open(found.row)
    if found.strange:
        raise Permanent(f"{next(iter(found.strange.values()))}", "Find out who sent it: nothing is withdrawn meanwhile")
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
        config = approved_config(settings, connection)
        prepared = [tx for each in _proposals(connection, row) if (tx := transaction_of(connection, each.proposal_id))]
    with opened(settings, config, row.ledger) as ledger:
        looked = _looked(ledger, row, prepared)
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        bond = held_bond(connection, row.bond_id)
        row = held_distribution(connection, distribution_id)
        _require_open(row)
        _require_unpaid(connection, row, looked.held)
        for each in _proposals(connection, row):
            _end(connection, each.proposal_id, looked.dead, reason, by, events)
        if not withdraw_distribution(connection, row, reason, by):
            raise Transient(f"another process moved the distribution {distribution_id}", "Look at it, and try again")
        told = {"decision": "distribution_withdrawn", "bond": bond.bond_id, "hash": row.hash, "reason": reason}
        events.append(NewAuditEvent("decision_recorded", by, EventSubject(SUBJECT, str(distribution_id)), told))
        logged(settings, connection, events)
    return row._replace(state="failed", is_withdrawn=True)


def void(settings: Settings, db: Database, receipt_id: UUID, reason: str, by: str = TERMINAL) -> CashReceiptRow:
    """Void a receipt that was recorded wrongly: it counts no more, and its transaction or its evidence may be recorded
    again. Raises Permanent without a reason, for one that is not there or voided, and while a distribution distributes
    it."""
    _require_reason("to void a receipt", reason)
    with db.connect() as connection:
        row = cash_receipt(connection, receipt_id)
    if row is None:
        raise Permanent(f"there is no receipt {receipt_id}", "`fntx bond cash` lists those of a bond")
    with entered(db) as connection:
        bond = held_bond(connection, row.bond_id)
        counting = {each.receipt_id for each in receipts_of(connection, bond.bond_id)}
        free = {each.receipt_id for each in receipts_of(connection, bond.bond_id, free=True)}
        if receipt_id in counting - free:
            raise Permanent(
                f"a distribution distributes the receipt {receipt_id}",
                "Withdraw that first, as long as nobody is paid of it: `fntx bond withdraw`",
            )
        if receipt_id not in free or not void_receipt(connection, receipt_id, reason, by):
            raise Permanent(f"the receipt {receipt_id} is voided already", "`fntx bond cash` says why")
        told = {"decision": "receipt_voided", "bond": bond.bond_id, "amount": f"{row.amount:f}", "reason": reason}
        event = NewAuditEvent("decision_recorded", by, EventSubject("cash_receipt", str(receipt_id)), told)
        logged(settings, connection, [event])
    return row


class _Looked(NamedTuple):
    """What the ledger said before the lock: `dead`, the proposals whose bytes can get into no ledger any more, and
    `held`, the invoice ids that it held after that was known."""

    dead: set[UUID]
    held: set[str]


def _looked(ledger: TreasuryLedger, row: DistributionRow, prepared: Sequence[LedgerTxRow]) -> _Looked:
    dead = dead_of(ledger, prepared)
    return _Looked(dead, {*ledger.invoiced(row.account, row.head)})


def _proposals(connection: Connection, row: DistributionRow) -> list[ProposalRow]:
    """Every proposal of a distribution: those of the whole, and all that their approvals cover."""
    wholes = distribution_proposals(connection, row.distribution_id)
    return [
        *(held(connection, each) for each in wholes),
        *(own for whole in wholes for own in covered(connection, whole)),
    ]


def _end(
    connection: Connection,
    proposal_id: UUID,
    dead: Collection[UUID],
    reason: str,
    by: str,
    events: list[NewAuditEvent],
) -> None:
    """Cancel a proposal that waits for people. Raises Permanent where its bytes may still get into a ledger."""
    row = held(connection, proposal_id)
    if proposal_id not in dead and transaction_of(connection, proposal_id) is not None:
        raise Permanent(f"what was prepared of the proposal {proposal_id} may still get into a ledger", _GO_ON)
    if row.state in _CANCELLED:
        taken(connection, row, "cancel", by, events, reason)


def _require_open(row: DistributionRow) -> None:
    if row.state == "confirmed" or row.is_withdrawn:
        state = "withdrawn" if row.is_withdrawn else row.state
        raise Permanent(f"the distribution {row.distribution_id} is {state}", "Nothing is left to withdraw")


def _require_unpaid(connection: Connection, row: DistributionRow, on_ledger: Collection[str]) -> None:
    for each in payments_of(connection, row.distribution_id):
        if each.set_aside is not None:
            raise Permanent(
                f"payment {each.payment.number} of the distribution {row.distribution_id} is set aside",
                "Its amount is held for the payee: set the others aside too, or pay them",
            )
        if each.tx_hash is not None or each.payment.invoice_id in on_ledger:
            raise Permanent(
                f"a ledger holds payment {each.payment.number} of the distribution {row.distribution_id}",
                "What is paid stays paid: `fntx bond pay` goes on with the others",
            )


def _require_reason(what: str, reason: str) -> None:
    if not reason.strip():
        raise Permanent(f"{what} needs a reason", "Give it with --reason")
    require_plain("reason", reason)
