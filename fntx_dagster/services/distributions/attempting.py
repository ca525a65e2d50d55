"""A payment attempted: a proposal of its own, covered by the approval of the whole, where none is under way for it.

An attempt that ended is followed by another one only when its bytes can get into no ledger any more: signers may have
put its signatures together elsewhere. First that is looked at, then that the ledger holds no payment with its invoice
id: the other way round, the bytes could get into a ledger between the two looks, which is what killed them, and the
payment would be made twice. Under the lock of the distribution nobody else attempts it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.distributions.accounts import PAY
from fntx_dagster.services.distributions.computing import held_distribution, known_distribution
from fntx_dagster.services.distributions.ending import ENDED, is_open
from fntx_dagster.services.distributions.proposing import payment_payload
from fntx_dagster.services.distributions.repeating import dead_of
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.covering import COVERED, cover, cover_one
from fntx_dagster.services.governance.steps import held, require_running
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.distributions import (
    PaymentStanding,
    add_attempt,
    distribution_proposals,
    payments_of,
)
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, covered
from fntx_dagster.store.treasury.set_aside import asked_aside
from fntx_dagster.store.treasury.transactions import transaction_of, turns_taken

if TYPE_CHECKING:
    from fntx_dagster.audit.event import NewAuditEvent
    from fntx_dagster.governance.config import TreasuryConfig
    from fntx_dagster.services.transactions.ledgers import TreasuryLedger
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.distributions import DistributionRow
    from fntx_dagster.store.treasury.set_aside import asked_aside
from fntx_dagster.store.treasury.transactions import LedgerTxRow

MOST_TICKETS = 250
"""That an account of the XRP Ledger can hold."""


class _Looked(NamedTuple):
    """What the ledger said before the lock. `dead`: ended attempts whose bytes can get into no ledger; `held`: the
    invoice ids that it held after that was known; `tickets`: those that the account holds, None where the ledger has
    none."""

    dead: set[UUID]
    held: set[str]
    tickets: list[int] | None


def attempt_all(
    settings: Settings,
    db: Database,
    distribution_id: UUID,
    strange: Collection[int],
    problems: dict[int, str],
    by: str,
) -> None:
    """Have a proposal under way for each payment that no ledger holds and that can be attempted now: on the XRP Ledger
    for as many as there are tickets, and one for the tickets that are missing. `strange`: payments that are left
    alone. Why one is left is added to `problems`."""
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
        bond = known_bond(connection, row.bond_id)
        config = approved_config(settings, connection)
        payments = payments_of(connection, distribution_id)
        ended = [tx for each in payments if is_open(each) and (tx := _last(connection, each)) is not None]
    if not any(is_open(each) for each in payments):
        return
    with opened(settings, config, row.ledger) as ledger:
        looked = _looked(ledger, config, row, ended)
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        require_running(connection, PAY)
        row = held_distribution(connection, distribution_id)
        whole = held(connection, distribution_proposals(connection, distribution_id)[0])
        if row.state != "paying" or whole.state != "approved" or whole.expires_at <= datetime.now(UTC):
            return
        payments = payments_of(connection, distribution_id)
        ready = _ready(connection, row, payments, looked, strange, problems)
        waiting = sum(not each.is_done and each.state == "approved" for each in payments)
        room, missing = _turns(
            connection,
            row,
            str(config.network_id),
            looked,
            len(ready) + waiting,
            tickets_come=_tickets_come(connection, whole),
        )
        ready = ready[: max(0, room - waiting)]
        for each in ready:
            payload = payment_payload(config, bond, row, each.payment)
            made = cover_one(connection, whole, PAY, payload, by, events, parties=[each.payment.party])
            add_attempt(connection, made.proposal_id, distribution_id, each.payment.number)
        if missing:
            intent = {"op": "tickets.create", "account": row.account, "params": {"count": missing}}
            payload = {"ledger": row.ledger, "network_id": config.network_id, "intent": intent}
            cover(connection, whole, [payload], by, events)
        append_all(settings, connection, events)


def _ready(
    connection: Connection,
    row: DistributionRow,
    payments: Sequence[PaymentStanding],
    looked: _Looked,
    strange: Collection[int],
    problems: dict[int, str],
) -> list[PaymentStanding]:
    """The payments that can be attempted now."""
    voted_on = asked_aside(connection, row.distribution_id)
    ready: list[PaymentStanding] = []
    for each in payments:
        number = each.payment.number
        if not is_open(each) or number in strange or each.payment.invoice_id in looked.held:
            continue
        if each.paid_before is not None:
            problems[number] = f"what it releases is paid already, in {each.paid_before}: withdraw it"
        elif number in voted_on:
            problems[number] = f"the proposal {voted_on[number]} asks to set it aside"
        elif each.proposal_id is not None and not _is_dead(connection, each, looked):
            problems[number] = _STILL
        else:
            ready.append(each)
    return ready


_STILL = "its last transaction may still get into a ledger: it is made anew when that is over"


def _last(connection: Connection, standing: PaymentStanding) -> LedgerTxRow | None:
    """The transaction of a payment's last attempt."""
    return None if standing.proposal_id is None else transaction_of(connection, standing.proposal_id)


def _looked(
    ledger: TreasuryLedger, config: TreasuryConfig, row: DistributionRow, ended: Collection[LedgerTxRow]
) -> _Looked:
    dead = dead_of(ledger, ended)
    held_ids = {*ledger.invoiced(row.account, row.head)} if dead else set[str]()
    if row.ledger != "xrpl":
        return _Looked(dead, held_ids, None)
    intent = {"op": "tickets.create", "account": row.account, "params": {"count": 1}}
    payload = {"ledger": row.ledger, "network_id": config.network_id, "intent": intent}
    return _Looked(dead, held_ids, ledger.terms(payload, 1).tickets)


def _is_dead(connection: Connection, standing: PaymentStanding, looked: _Looked) -> bool:
    """Whether an ended attempt pays nobody any more: nothing was prepared of it, or the ledger takes it no more."""
    return standing.proposal_id in looked.dead or _last(connection, standing) is None


def _tickets_come(connection: Connection, whole: ProposalRow) -> bool:
    """Whether tickets are under way."""
    return any(
        row.kind == COVERED and row.state not in (*ENDED, "confirmed") for row in covered(connection, whole.proposal_id)
    )


def _turns(
    connection: Connection, row: DistributionRow, network: str, looked: _Looked, wanted: int, *, tickets_come: bool
) -> tuple[int, int]:
    """How many payments can be prepared now, and how many tickets have to be made."""
    if looked.tickets is None or wanted <= 1:
        return wanted, 0
    taken = turns_taken(connection, row.ledger, network, row.account)
    free = [each for each in looked.tickets if each not in taken]
    if len(free) >= wanted:
        return wanted, 0
    if tickets_come:
        return len(free), 0
    return len(free), min(MOST_TICKETS - len(looked.tickets), wanted - len(free))
