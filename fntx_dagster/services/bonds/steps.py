"""A step of a bond: possible by its table, taken by one statement, told to the audit log in its transaction.

Rows change first and the log is written last: whoever holds the log's lock waits for nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.governance.machines import BOND, START, step
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.store.treasury.bonds import BondEventRow, BondRow, add_bond_event, bond, move_bond
from fntx_dagster.store.treasury.set_aside import SetAsideRow, held_of

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection

SUBJECT = "bond"
_TYPES = {"create": "bond_created", "cure_period_ends": "bond_defaulted", "remediate": "bond_cured"}
"""Event of the table → type in the audit log; every other is `bond_transitioned`."""


_ENDS = ("mature", "settle", "assets_distributed")
"""Steps after which a bond owes nothing; what is held for parties that cannot be paid is told with them."""


class NoSuchBond(Permanent):
    """There is no bond with an id."""

    def __init__(self, bond_id: str) -> None:
        super().__init__(f"there is no bond {bond_id[:70]!r}", "`fntx bond list` lists all")


def held_bond(connection: Connection, bond_id: str) -> BondRow:
    """A bond, held until the transaction ends. Raises NoSuchBond."""
    row = bond(connection, bond_id, for_step=True)
    if row is None:
        raise NoSuchBond(bond_id)
    return row


def known_bond(connection: Connection, bond_id: str) -> BondRow:
    """A bond as it is now. Raises NoSuchBond."""
    row = bond(connection, bond_id)
    if row is None:
        raise NoSuchBond(bond_id)
    return row


def step_taken(
    connection: Connection,
    row: BondRow,
    event: str,
    by: str,
    events: list[NewAuditEvent],
    *,
    reason: str = "",
    proposal_id: UUID | None = None,
    ledger_date: datetime | None = None,
    details: Mapping[str, Any] = MappingProxyType({}),
) -> BondRow:
    """Take a step of a bond whose guard was judged; what the log has to say of it is added to `events`. Raises
    StepImpossible with the events that are possible, Transient where another process took one meanwhile."""
    after = step(BOND, row.state, event)
    if not move_bond(connection, row.bond_id, row.state, after.next):
        raise moved_meanwhile(row)
    moved = row._replace(state=after.next)
    told = dict(details)
    if event in _ENDS and (held := held_of(connection, row.bond_id)):
        told["held"] = _sums(row, held)
    if reason:
        told["reason"] = reason
    if proposal_id is not None:
        told["proposal"] = str(proposal_id)
    if ledger_date is not None:
        told["ledger_date"] = ledger_date.isoformat()
    events.append(step_told(moved, event, by, row.state, told))
    return moved


def _sums(row: BondRow, held: Sequence[SetAsideRow]) -> dict[str, str]:
    """What is held for each party that cannot be paid."""
    sums: dict[str, Decimal] = {}
    for each in held:
        sums[each.party] = sums.get(each.party, Decimal(0)) + each.amount
    return {party: f"{amount:.{row.decimals}f}" for party, amount in sorted(sums.items())}


def step_told(
    row: BondRow, event: str, by: str, before: str = START, details: Mapping[str, Any] = MappingProxyType({})
) -> NewAuditEvent:
    """What the audit log says of a step."""
    told = {"event": event, "from": before, "to": row.state, **details}
    return NewAuditEvent(_TYPES.get(event, "bond_transitioned"), by, EventSubject(SUBJECT, row.bond_id), told)


def moved_meanwhile(row: BondRow) -> Transient:
    """What is raised where another process took a step first."""
    return Transient(f"another process moved the bond {row.bond_id}", "Look at it, and try again")


def logged(settings: Settings, connection: Connection, events: Sequence[NewAuditEvent]) -> None:
    """Write events into the audit log, each step of a bond among them into its history too, with its number."""
    for event, seq in zip(events, append_all(settings, connection, events), strict=True):
        told = event.details
        if event.subject.kind != SUBJECT or "event" not in told:
            continue
        moment, proposal = told.get("ledger_date"), told.get("proposal")
        add_bond_event(
            connection,
            BondEventRow(
                event.subject.id,
                seq,
                event.type,
                told["event"],
                told["from"],
                told["to"],
                told.get("reason", ""),
                event.actor,
                datetime.fromisoformat(moment) if moment else None,
                UUID(proposal) if proposal else None,
                dict(told),
            ),
        )
