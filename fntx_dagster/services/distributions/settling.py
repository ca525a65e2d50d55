"""What the ledger says of a distribution's payments: each is found by its invoice id, whoever sent it, and counts once.

A proposal that is confirmed says that its transaction is in a ledger. The invoice id says more: that the payment was
made, also by bytes that this database does not know, after a backup was restored or by signers on their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from fntx_dagster.bonds.distributions import release_id
from fntx_dagster.services.bonds.steps import held_bond, known_bond, logged
from fntx_dagster.services.distributions.computing import held_distribution, known_distribution
from fntx_dagster.services.distributions.ending import ENDED, confirmed_if_all_paid, is_open, moved
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.steps import held
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.store.treasury.bond_money import PaidRow, add_paid
from fntx_dagster.store.treasury.distributions import (
    ConfirmedPayment,
    DistributionRow,
    PaymentStanding,
    add_confirmed,
    distribution_proposals,
    payments_of,
)
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.set_aside import held_of

if TYPE_CHECKING:
    from fntx_dagster.audit.event import NewAuditEvent
    from fntx_dagster.services.transactions.ledgers import LedgerPayment
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.treasury.bonds import BondRow

CLOCK = "system:distribution"


class Settlement(NamedTuple):
    """A distribution after its ledger was asked. `strange`: the number of a payment → what the ledger holds under its
    invoice id although it is another one; such a payment is never made again."""

    row: DistributionRow
    strange: dict[int, str]


def settled(settings: Settings, db: Database, distribution_id: UUID) -> Settlement:
    """Ask the ledger for the payments of a distribution, keep those that it holds, and take the steps that follow: to
    paying with the approval, to confirmed with the last payment, to failed where the approval ended before. A payment
    that was set aside, and that a ledger holds all the same, is held no more. Raises Transient where the server does
    not answer, or has not the whole history."""
    with db.connect() as connection:
        row = known_distribution(connection, distribution_id)
        if _is_over(connection, row):
            return Settlement(row, {})
        payments = payments_of(connection, distribution_id)
        released = {each.payment.releases for each in payments if each.payment.releases is not None}
        bond = known_bond(connection, row.bond_id)
        config = approved_config(settings, connection)
    for each in released:  # what was set aside may have been paid by others meanwhile
        settled(settings, db, each)
    with opened(settings, config, row.ledger) as ledger:
        closed_at = ledger.closed_at()
        found = ledger.invoiced(row.account, row.head)
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        bond = held_bond(connection, row.bond_id)
        row = held_distribution(connection, distribution_id)
        if _is_over(connection, row):
            return Settlement(row, {})
        strange = _kept(connection, row, bond, payments_of(connection, distribution_id), found)
        row = confirmed_if_all_paid(connection, row, bond, closed_at, CLOCK, events)
        row = _by_approval(connection, row)
        logged(settings, connection, events)
    return Settlement(row, strange)


def _is_over(connection: Connection, row: DistributionRow) -> bool:
    """Whether nothing can come of a distribution any more: withdrawn, or confirmed and nothing of it is held."""
    if row.is_withdrawn or row.state != "confirmed":
        return row.is_withdrawn
    return all(each.distribution_id != row.distribution_id for each in held_of(connection, row.bond_id))


def _kept(
    connection: Connection,
    row: DistributionRow,
    bond: BondRow,
    payments: Sequence[PaymentStanding],
    found: Mapping[str, Sequence[LedgerPayment]],
) -> dict[int, str]:
    strange: dict[int, str] = {}
    for standing in payments:
        payment, held = standing.payment, found.get(standing.payment.invoice_id, [])
        if standing.tx_hash is not None:
            continue
        if (release := found.get(release_id(str(row.distribution_id), payment.number))) and not standing.is_done:
            strange[payment.number] = f"this database does not know of its release by the transaction {release[0].hash}"
        wanted = (payment.address, bond.cash_code, bond.cash_issuer, payment.amount)
        right = [each for each in held if (each.destination, each.code, each.issuer, each.amount) == wanted]
        paid = right[0] if right else None
        if others := [each for each in held if each is not paid]:
            strange[payment.number] = "; ".join(map(_told, others))
        if paid is None:
            continue
        confirmed = ConfirmedPayment(payment.number, paid.hash, paid.ledger, paid.closed_at)
        if add_confirmed(connection, row.distribution_id, confirmed) and payment.kind != "residual":
            source = f"{row.distribution_id}/{payment.number}"
            day = paid.closed_at.astimezone(UTC).date()
            add_paid(connection, bond.bond_id, PaidRow(source, payment.kind, payment.line_id, payment.amount, day))
    return strange


def _told(paid: LedgerPayment) -> str:
    return f"the transaction {paid.hash} has its invoice id and paid {paid.amount:f} {paid.code} to {paid.destination}"


def _by_approval(connection: Connection, row: DistributionRow) -> DistributionRow:
    """The step that follows from the proposal of a distribution, if one does."""
    if row.state not in ("proposed", "paying"):
        return row
    whole = held(connection, distribution_proposals(connection, row.distribution_id)[0])
    if row.state == "proposed":
        if whole.state == "approved":
            return moved(connection, row, "paying")
        payments = payments_of(connection, row.distribution_id)
        is_aside = whole.state == "blocked" and any(each.is_done for each in payments)
        return moved(connection, row, "failed") if whole.state in ENDED or is_aside else row
    payments = payments_of(connection, row.distribution_id)
    is_under_way = any(not each.is_done and not is_open(each) for each in payments)
    is_over = whole.state != "approved" or whole.expires_at <= datetime.now(UTC)
    return moved(connection, row, "failed") if is_over and not is_under_way else row
