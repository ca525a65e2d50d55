"""What keeps a payment from being made twice: nothing is prepared or sent of one that a ledger holds already, that was
set aside, or whose distribution was withdrawn, so that another one distributes its cash; when bytes can get into no
ledger any more; and nothing is distributed anew of cash that a ledger shows to be paid out by somebody whom this
database does not know."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.store.treasury.cash_receipts import receipts_of
from fntx_dagster.store.treasury.distributions import distribution_of_proposal, paid_by, unknown_payments, why_withdrawn
from fntx_dagster.store.treasury.set_aside import why_unpayable
from fntx_dagster.store.treasury.transactions import known_ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from fntx_dagster.services.transactions.ledgers import TreasuryLedger
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.bonds import BondRow
    from fntx_dagster.store.treasury.transactions import LedgerTxRow


def require_unpaid(connection: Connection, proposal_id: UUID, own_hash: str | None = None) -> None:
    """Raise StepImpossible where a ledger holds the payment of a distribution that a proposal makes, by another
    transaction than that of `own_hash`, where the distribution was withdrawn, where the payment was set aside, and of a
    release where a ledger holds what it releases. Nothing for a proposal that makes none."""
    own = distribution_of_proposal(connection, proposal_id)
    if own is not None and why_withdrawn(connection, own) is not None:
        raise StepImpossible(f"the distribution {own} was withdrawn", "Its cash is paid by the next one")
    set_aside, paid_before = why_unpayable(connection, proposal_id)
    if set_aside is not None:
        raise StepImpossible(f"the payment was set aside: {set_aside}", "`fntx bond release` pays it")
    if paid_before is not None:
        raise StepImpossible(
            f"the ledger holds the payment that is released already, in the transaction {paid_before}",
            "Withdraw the release: `fntx bond withdraw`",
        )
    paid = paid_by(connection, proposal_id)
    if paid is not None and paid != (own_hash or "").lower():
        raise StepImpossible(
            f"the ledger holds this payment already, in the transaction {paid}",
            "Nothing is left to pay: `fntx treasury cancel` ends the proposal, or its time does",
        )


def dead_of(ledger: TreasuryLedger, rows: Iterable[LedgerTxRow]) -> set[UUID]:
    """The proposals of transactions whose bytes can get into no ledger any more. What a ledger holds is asked for after
    this, never before: what killed the bytes may be that they got into it."""
    return {
        tx.proposal_id
        for tx in rows
        if tx.outcome_ledger is not None or tx.state == "expired" or ledger.lapsed(tx) or ledger.turn_is_used(tx)
    }


def require_known_payments(db: Database, ledger: TreasuryLedger, bond: BondRow, account: str) -> None:
    """Raise Permanent where an account paid with an invoice id since the first cash came in that is to be distributed,
    and this database knows of no such payment: it may be that of a backup, and the cash is paid out already. Cash by a
    payment came in with its ledger. Cash that was typed came in on its day: what the account paid from then on counts,
    and one looks from the last ledger before that day that this database knows of the account."""
    with db.connect() as connection:
        free = receipts_of(connection, bond.bond_id, free=True)
        day = min((row.received_on for row in free if row.ledger_index is None), default=None)
        before = None if day is None else known_ledger(connection, bond.cash_ledger, account, day)
    first = min((row.ledger_index for row in free if row.ledger_index is not None), default=None)
    since = min((each for each in (first, before) if each is not None), default=None)
    if since is None:
        return
    found = [each for paid in ledger.invoiced(account, since).values() for each in paid]
    late = [
        each
        for each in found
        if (first is not None and each.ledger >= first)
        or (before is not None and day is not None and each.closed_at.astimezone(UTC).date() >= day)
    ]
    with db.connect() as connection:
        unknown = unknown_payments(connection, {each.hash.lower(): each.invoice or "" for each in late})
    if unknown:
        raise Permanent(
            f"{account} made the payment {min(unknown)} after the cash came in, and this database does not know it",
            "Restore the newest backup. What was paid by hand is taken off by voiding the receipt, and typing the rest "
            "as received on a later day",
        )
