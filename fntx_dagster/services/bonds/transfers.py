"""Changes of who holds a bond: what a proposal of them has to say, what makes one impossible, and its effect. A change
is new rows of the register, from its record date on; the units of each tranche, and of the equity, stay the same.

Units are moved while the bond can still pay somebody, in default too: whoever holds on the record date of a
distribution gets all that it pays, arrears included. A bond that is paused, waits for its approval, or is over keeps
its holders.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.bonds.register import RegisterEntry, UnitMove, moved
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.fields import StrictFields
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.bonds.payees import require_addresses, require_parties
from fntx_dagster.services.bonds.steps import SUBJECT, held_bond
from fntx_dagster.services.bonds.terms import read_day, read_id
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.store.treasury.bonds import (
    HoldingRow,
    add_bond_proposal,
    add_holdings,
    holding_changes,
    tranches_of,
)
from fntx_dagster.store.treasury.distributions import DistributionRow, distributions

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.bonds import BondRow
    from fntx_dagster.store.treasury.proposals import ProposalRow

MOVABLE = (
    *("Active", "Funding", "Funded", "Distributing", "Current", "Delinquent", "Defaulted", "Cured", "Accelerated"),
    "Liquidating",
)
"""The states of a bond in which units change hands."""
EVENT = "transfer"
"""What the proposals of a bond call it; it is no step of the table of states."""
_MOST_MOVES = 1_000
_WAYS_OUT = {
    "Draft": "Its holders are named when it is structured: `fntx bond structure`",
    "Paused": "`fntx bond transition BOND resume` goes on; move them then",
}
_A_DAY = timedelta(days=1)


class HolderChange(NamedTuple):
    """A change of who holds a bond, as its proposal has it."""

    bond_id: str
    record_date: date
    moves: list[UnitMove]
    reason: str


def read_change(payload: Any) -> HolderChange:
    """The payload of a `bond.transfer`. Raises Permanent that names the field that is wrong."""
    whole = StrictFields(payload, "", "`fntx bond transfer --help`")
    bond_id, day = whole.text("bond"), read_day(whole, "record_date")
    reason = whole.text("reason") if whole.has("reason") else ""
    moves = [_move(each) for each in whole.objects("transfers")]
    whole.end()
    require_plain("reason", reason)
    if not 1 <= len(moves) <= _MOST_MOVES:
        raise Permanent(f"transfers has {len(moves)} entries", f"Give 1 to {_MOST_MOVES}")
    return HolderChange(bond_id, day, moves, reason)


def change_document(change: HolderChange) -> dict[str, Any]:
    """The same as the document that people vote on."""
    document: dict[str, Any] = {"bond": change.bond_id, "record_date": change.record_date.isoformat()}
    if change.reason:
        document["reason"] = change.reason
    document["transfers"] = [
        {
            **({"equity": True} if each.tranche_id is None else {"tranche": each.tranche_id}),
            "from": each.holder,
            "to": each.to,
            "address": each.address,
            "units": str(each.units),
        }
        for each in change.moves
    ]
    return document


def require_change(connection: Connection, payload: Any) -> HolderChange:
    """Raise Permanent unless a change is possible now; it is judged again with the last decision. The bond is held
    until the transaction ends."""
    change = read_change(payload)
    _entries(connection, held_bond(connection, change.bond_id), change)
    return change


def note_change(connection: Connection, row: ProposalRow) -> None:
    """Keep which bond a proposal is about."""
    add_bond_proposal(connection, row.proposal_id, read_change(json.loads(row.payload)).bond_id, EVENT)


def change_approved(connection: Connection, row: ProposalRow, by: str) -> list[NewAuditEvent]:
    """Make a change that was approved; what the audit log says of it. Raises StepImpossible where it is not possible
    any more: then nothing is decided."""
    change = read_change(json.loads(row.payload))
    bond = held_bond(connection, change.bond_id)
    try:
        new = _entries(connection, bond, change)
    except Permanent as error:
        raise StepImpossible(error.message, error.way_out) from error
    rows = [HoldingRow(each.tranche_id, each.holder, Decimal(each.units), each.address) for each in new]
    add_holdings(connection, bond.bond_id, rows, by, datetime.now(UTC), change.record_date, row.proposal_id)
    details = {"proposal": str(row.proposal_id), **change_document(change)}
    return [NewAuditEvent("holders_changed", by, EventSubject(SUBJECT, bond.bond_id), details)]


def parties_of_change(payload: Any) -> list[str]:
    """Who gives units and who gets them: both are screened."""
    moves = read_change(payload).moves
    return [*dict.fromkeys(party for each in moves for party in (each.holder, each.to))]


def register_of(connection: Connection, bond_id: str) -> list[RegisterEntry]:
    """The register of a bond, in the order in which its entries were made."""
    return [
        RegisterEntry(each.tranche_id, each.holder, int(each.units), each.address, each.record_date)
        for each in holding_changes(connection, bond_id)
    ]


def _day(row: DistributionRow) -> date:
    return row.record_date or row.computed_at.astimezone(UTC).date()


def _entries(connection: Connection, bond: BondRow, change: HolderChange) -> list[RegisterEntry]:
    """What a change adds to the register. Permanent where it is not possible."""
    if bond.state not in MOVABLE:
        way_out = _WAYS_OUT.get(bond.state, f"Units change hands in {', '.join(MOVABLE)}")
        raise Permanent(f"the bond {bond.bond_id} is {bond.state}, and keeps its holders", way_out)
    if change.record_date < bond.start_date:
        raise Permanent(f"record_date is {change.record_date}", f"{bond.bond_id} begins on {bond.start_date}")
    known = {each.tranche_id for each in tranches_of(connection, bond.bond_id)}
    for each in change.moves:
        if each.tranche_id is not None and each.tranche_id not in known:
            raise Permanent(f"{each.tranche_id} is no tranche of {bond.bond_id}", f"It has {', '.join(sorted(known))}")
    require_parties(connection, (each.to for each in change.moves))
    require_addresses(connection, ((each.to, each.address) for each in change.moves))
    _require_not_frozen(connection, bond, change.record_date)
    return moved(register_of(connection, bond.bond_id), change.moves, change.record_date)


def _require_not_frozen(connection: Connection, bond: BondRow, day: date) -> None:
    """Who held on the record date of a distribution is paid by it, whatever is entered later."""
    for row in distributions(connection, bond.bond_id):
        if day <= (frozen := _day(row)):
            raise Permanent(
                f"the distribution {row.number} of {bond.bond_id} pays those who held on {frozen}, and the change is "
                f"dated {day}",
                f"Date it {frozen + _A_DAY} or later. A distribution that has paid nobody can be withdrawn first: "
                f"`fntx bond withdraw {row.distribution_id}`",
            )


def _move(fields: StrictFields) -> UnitMove:
    equity = fields.has("equity")
    if equity == fields.has("tranche") or (equity and not fields.yes_or_no("equity")):
        raise Permanent("a transfer names a tranche, or the equity", 'Write "tranche": "A", or "equity": true')
    tranche = None if equity else read_id(fields, "tranche")
    holder, to, units = read_id(fields, "from"), read_id(fields, "to"), fields.digits("units")
    move = UnitMove(tranche, holder, to, int(units), fields.text("address"))
    fields.end()
    return move
