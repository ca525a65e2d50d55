"""What follows when every payment of a distribution is in a ledger or set aside: it is confirmed, and its bond moves
on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Transient
from fntx_dagster.services.bonds.dues import arrears_of
from fntx_dagster.services.bonds.steps import step_taken
from fntx_dagster.store.treasury.distributions import DistributionRow, PaymentStanding, move_distribution, payments_of

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.bonds import BondRow


ENDED = ("failed", "expired", "cancelled", "rejected")
"""States of a proposal that pays nobody any more."""


def is_open(standing: PaymentStanding) -> bool:
    """Whether no ledger holds a payment, none sets it aside, and no proposal pays it."""
    return not standing.is_done and (standing.state is None or standing.state in ENDED)


def moved(connection: Connection, row: DistributionRow, to: str) -> DistributionRow:
    """A distribution taken to another state. Transient where another process moved it meanwhile."""
    if not move_distribution(connection, row.distribution_id, row.state, to):
        raise Transient(f"another process moved the distribution {row.distribution_id}", "Look at it, and try again")
    return row._replace(state=to)


def confirmed_if_all_paid(
    connection: Connection,
    row: DistributionRow,
    bond: BondRow,
    closed_at: datetime,
    by: str,
    events: list[NewAuditEvent],
) -> DistributionRow:
    """A distribution, confirmed where nothing of it is left to pay; then its bond is Current again, unless something is
    still overdue on the ledger's date. A release moves no bond. Whoever calls holds both."""
    payments = payments_of(connection, row.distribution_id)
    if row.state == "confirmed" or not all(each.is_done for each in payments):
        return row
    row = moved(connection, row, "confirmed")
    subject = EventSubject("distribution", str(row.distribution_id))
    details: dict[str, Any] = {"bond": row.bond_id, "hash": row.hash, "payments": len(payments)}
    if aside := sum(each.tx_hash is None for each in payments):
        details["set_aside"] = aside
    events.append(NewAuditEvent("allocation_completed", by, subject, details))
    if row.is_release:
        return row
    if bond.state == "Distributing":
        step_taken(connection, bond, "payments_confirmed", by, events)
    elif bond.state == "Delinquent" and not arrears_of(connection, bond.bond_id, closed_at.astimezone(UTC).date()):
        step_taken(connection, bond, "pay", by, events, ledger_date=closed_at)
    return row
