"""Bonds as people and programs read them: where each stands, what it owes, who holds it, and every step of it."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.governance.machines import BOND, states
from fntx_dagster.services.bonds.days import shown_day
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.store.treasury.bond_money import (
    DueRow,
    OutstandingRow,
    accruals_of,
    outstanding_of,
)
from fntx_dagster.store.treasury.bonds import (
    BondEventRow,
    BondRow,
    FeeRow,
    HoldingChangeRow,
    HoldingRow,
    SeriesRow,
    TrancheRow,
    bond_events,
    bond_proposals,
    bonds,
    fees_of,
    holders_of,
    holding_changes,
    series_of,
    tranches_of,
)
from fntx_dagster.store.treasury.set_aside import SetAsideRow, held_of

if TYPE_CHECKING:
    from fntx_dagster.store.database import Readable

STATES = states(BOND)


class BondView(NamedTuple):
    """A bond with all that is known of it. `events`: those that are possible now; `arrears`: what was due before `on`
    and is not paid in full, the oldest first; `accrued`: tranche → interest of the running period; `held`: what was set
    aside for parties that cannot be paid."""

    row: BondRow
    on: date
    events: list[str]
    series: list[SeriesRow]
    tranches: list[TrancheRow]
    outstanding: list[OutstandingRow]
    fees: list[FeeRow]
    holders: list[HoldingRow]
    dues: list[DueRow]
    accrued: dict[str, Decimal]
    proposals: list[tuple[UUID, str, str]]
    held: list[SetAsideRow]

    @property
    def held_by_party(self) -> dict[str, Decimal]:
        """What is held for each party that cannot be paid, by the party's id."""
        sums: dict[str, Decimal] = {}
        for each in sorted(self.held, key=lambda row: row.party):
            sums[each.party] = sums.get(each.party, Decimal(0)) + each.amount
        return sums

    @property
    def arrears(self) -> list[DueRow]:
        """What is overdue, the oldest first."""
        return [row for row in self.dues if row.due_date < self.on and row.unpaid > 0]

    @property
    def next_due(self) -> date | None:
        """The next date on which something is due that is not paid."""
        return min((row.due_date for row in self.dues if row.due_date >= self.on and row.unpaid > 0), default=None)

    def as_dict(self) -> dict[str, Any]:
        """A bond for programs: amounts as texts with the decimals of the currency."""
        row = self.row
        left = {each.tranche_id: each.outstanding for each in self.outstanding}
        return {
            **summary(row),
            "as_of": self.on.isoformat(),
            "possible_events": self.events,
            "terms": json.loads(row.terms),
            "terms_hash": row.terms_hash,
            "structure_hash": row.structure_hash,
            "series": [{"id": each.series_id, "notional": self.money(each.notional)} for each in self.series],
            "tranches": [
                {
                    "id": each.tranche_id,
                    "series": each.series_id,
                    "class": each.class_name,
                    "notional": self.money(each.notional),
                    "outstanding": self.money(left[each.tranche_id]),
                    "rate": f"{each.rate:f}",
                    "day_count": each.day_count,
                    "repayment": each.repayment,
                    "accrued": self.money(self.accrued.get(each.tranche_id, Decimal(0))),
                }
                for each in self.tranches
            ],
            "fees": [{"id": each.fee_id, "due": self.money(each.amount), "party": each.party} for each in self.fees],
            "holders": len({each.holder for each in self.holders}),
            "next_due": self.next_due.isoformat() if self.next_due else None,
            "arrears": [due_of(each, row.decimals) for each in self.arrears],
            "set_aside": {
                "total": self.money(sum((each.amount for each in self.held), Decimal(0))),
                "holders": [
                    {"party": party, "amount": self.money(amount)} for party, amount in self.held_by_party.items()
                ],
                "payments": [self._held(each) for each in self.held],
            },
            "proposals": [
                {"proposal": str(proposal), "event": event, "state": state} for proposal, event, state in self.proposals
            ],
        }

    def _held(self, row: SetAsideRow) -> dict[str, Any]:
        return {
            "distribution": str(row.distribution_id),
            "number": row.number,
            "party": row.party,
            "kind": row.kind,
            "line": row.line_id,
            "amount": self.money(row.amount),
            "since": row.held_from.isoformat(),
            "reason": row.reason,
        }

    def money(self, amount: Decimal) -> str:
        """An amount with the decimals of the bond's currency."""
        return f"{amount:.{self.row.decimals}f}"


def list_bonds(db: Readable, state: str | None = None) -> list[BondRow]:
    """Bonds, the newest first: all, or those in a state. Permanent for a state that no bond has."""
    if state is not None and state not in STATES:
        raise Permanent(f"{state[:40]!r} is no state of a bond", f"It is one of {', '.join(STATES)}")
    with db.connect() as connection:
        return bonds(connection, None if state is None else [state])


def show_bond(db: Readable, bond_id: str, on: date | None = None) -> BondView:
    """A bond on a date, that of `shown_day` where none is given. Raises NoSuchBond."""
    today = on or shown_day(db, bond_id)
    with db.connect() as connection:
        row = known_bond(connection, bond_id)
        accruals = accruals_of(connection, bond_id, today.replace(day=1), today)
        return BondView(
            row,
            today,
            [each.event for each in BOND if each.state == row.state],
            series_of(connection, bond_id),
            tranches_of(connection, bond_id),
            outstanding_of(connection, bond_id, today),
            fees_of(connection, bond_id),
            holders_of(connection, bond_id),
            dues_of(connection, bond_id, today, ahead=True),
            {each.tranche_id: each.accrued for each in accruals},
            bond_proposals(connection, bond_id),
            held_of(connection, bond_id, on),
        )


def events_of_bond(db: Readable, bond_id: str) -> list[BondEventRow]:
    """Every step of a bond, in the order of the audit log. Raises NoSuchBond."""
    with db.connect() as connection:
        known_bond(connection, bond_id)
        return bond_events(connection, bond_id)


def holders_of_bond(db: Readable, bond_id: str, on: date | None = None) -> list[HoldingRow]:
    """Who holds units of a bond at the end of a day, None: after all changes; by tranche, the equity last. Raises
    NoSuchBond."""
    with db.connect() as connection:
        known_bond(connection, bond_id)
        return holders_of(connection, bond_id, on)


def changes_of_holders(db: Readable, bond_id: str) -> list[HoldingChangeRow]:
    """Every change of who holds a bond, in the order in which they were made. Raises NoSuchBond."""
    with db.connect() as connection:
        known_bond(connection, bond_id)
        return holding_changes(connection, bond_id)


def summary(row: BondRow) -> dict[str, Any]:
    """A bond in a line, for programs."""
    return {
        "bond": row.bond_id,
        "name": row.name,
        "state": row.state,
        "issuer": row.issuer,
        "currency": row.currency,
        "decimals": row.decimals,
        "notional": f"{row.notional:.{row.decimals}f}",
        "token": {"ledger": row.token_ledger, "code": row.token_code, "issuer": row.token_issuer},
        "start": row.start_date.isoformat(),
        "maturity": row.maturity_date.isoformat(),
    }


def event_of(row: BondEventRow) -> dict[str, Any]:
    """A step, for programs."""
    return {
        "audit_seq": row.audit_seq,
        "type": row.type,
        "event": row.event,
        "from": row.from_state,
        "to": row.to_state,
        "reason": row.reason,
        "actor": row.actor,
        "ledger_date": row.ledger_date.isoformat() if row.ledger_date else None,
        "proposal": str(row.proposal_id) if row.proposal_id else None,
        "recorded_at": row.recorded_at.isoformat() if row.recorded_at else None,
    }


def holding_of(row: HoldingRow) -> dict[str, Any]:
    """A holding, for programs; `tranche` is null for the equity."""
    return {"tranche": row.tranche_id, "holder": row.holder, "units": f"{row.units:f}", "address": row.address}


def due_of(row: DueRow, decimals: int) -> dict[str, Any]:
    """An amount that is due, for programs."""
    return {
        "kind": row.kind,
        "line": row.line_id,
        "period": row.period,
        "due": row.due_date.isoformat(),
        "amount": f"{row.amount:.{decimals}f}",
        "paid": f"{row.paid:.{decimals}f}",
    }


def change_of(row: HoldingChangeRow) -> dict[str, Any]:
    """A change of a holding, for programs: more units, or negative ones, from `record_date` on; null of it and of the
    proposal: by the structure."""
    return {
        "record_date": row.record_date.isoformat() if row.record_date else None,
        "tranche": row.tranche_id,
        "holder": row.holder,
        "units": f"{row.units:f}",
        "address": row.address,
        "proposal": str(row.proposal_id) if row.proposal_id else None,
        "changed_by": row.changed_by,
        "changed_at": row.changed_at.isoformat(),
    }
