"""Distributions and receipts as programs read them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.bonds.deals import amounts
from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.services.distributions.paying import DistributionProgress, look
from fntx_dagster.store.treasury.cash_receipts import CashReceiptRow, receipts_of, why_voided
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    LineRow,
    PaymentStanding,
    distribution_proposals,
    distributions,
    lines_of,
    why_withdrawn,
)
from fntx_dagster.store.treasury.proposals import proposal

if TYPE_CHECKING:
    from fntx_dagster.store.database import Database


class CashView(NamedTuple):
    """The cash of a bond: what came in, `free`: the receipts that no distribution distributes, `voided`: those that
    count no more, with the reason, and its distributions, the newest first."""

    receipts: Sequence[CashReceiptRow]
    free: frozenset[UUID]
    voided: Mapping[UUID, str]
    distributions: Sequence[DistributionRow]

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {
            "receipts": [
                receipt_dict(each)
                | {
                    "is_distributed": each.receipt_id not in self.free and each.receipt_id not in self.voided,
                    "voided": self.voided.get(each.receipt_id, ""),
                }
                for each in self.receipts
            ],
            "distributions": [distribution_dict(each) for each in self.distributions],
        }


def cash_of(db: Database, bond_id: str) -> CashView:
    """What came in on a bond and what became of it. Raises NoSuchBond."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        known_bond(connection, bond_id)
        free = frozenset(each.receipt_id for each in receipts_of(connection, bond_id, free=True))
        return CashView(
            receipts_of(connection, bond_id, voided=True),
            free,
            why_voided(connection, bond_id),
            distributions(connection, bond_id, withdrawn=True, releases=True),
        )


class DistributionView(NamedTuple):
    """A distribution for people: its lines, its payments, its proposals with their states, the newest first, why it was
    withdrawn (empty where it was not), and what is next."""

    row: DistributionRow
    currency: str
    lines: Sequence[LineRow]
    payments: Sequence[PaymentStanding]
    proposals: Sequence[tuple[UUID, str]]
    withdrawn: str
    next: str

    @property
    def state(self) -> str:
        return "withdrawn" if self.row.is_withdrawn else self.row.state

    @property
    def aside(self) -> int:
        """How many payments are set aside."""
        return sum(each.set_aside is not None and each.tx_hash is None for each in self.payments)

    @property
    def names(self) -> dict[str, str]:
        """What commands about it name."""
        proposal = f"{self.proposals[0][0]}" if self.proposals else ""
        return {"bond": self.row.bond_id, "distribution": f"{self.row.distribution_id}", "proposal": proposal}


def show_distribution(db: Database, bond_id: str, number: int) -> DistributionView | None:
    """The distribution of a bond with that number, as the database knows it; None where there is none. Raises
    NoSuchBond."""
    with db.connect() as connection:
        bond = known_bond(connection, bond_id)
        made = distributions(connection, bond_id, withdrawn=True, releases=True)
        row = next((each for each in made if each.number == number), None)
        if row is None:
            return None
        ids = distribution_proposals(connection, row.distribution_id)
        states = [(each, found.state) for each in ids if (found := proposal(connection, each)) is not None]
        lines = lines_of(connection, row.distribution_id)
        withdrawn = why_withdrawn(connection, row.distribution_id) or ""
    report = look(db, row.distribution_id)
    return DistributionView(report.row, bond.currency, lines, report.payments, states, withdrawn, report.next)


def named_distribution(db: Database, name: str) -> UUID:
    """The distribution of that id, or the newest one of the bond of that id. Raises NoSuchBond, and Permanent where the
    bond has none."""
    try:
        return UUID(name)
    except ValueError:
        pass
    with db.connect() as connection:
        known_bond(connection, name)
        rows = distributions(connection, name, withdrawn=True)
    if not rows:
        raise Permanent(f"{name} has no distribution yet", f"`fntx bond distribute {name}` computes one")
    return rows[0].distribution_id


def distribution_dict(row: DistributionRow) -> dict[str, Any]:
    """A distribution for programs; its amounts have the decimals of its currency."""
    result = json.loads(row.document)["result"]
    amount = amounts(result["decimals"])
    return {
        "distribution": str(row.distribution_id),
        "bond": row.bond_id,
        "number": row.number,
        "period": row.period,
        "kind": row.kind,
        "state": row.state,
        "is_withdrawn": row.is_withdrawn,
        "hash": row.hash,
        "currency": result["currency"],
        "available": result["available"],
        "carried": amount(int(row.carried.scaleb(result["decimals"]))),
        "retained": result["retained"],
        "ledger": row.ledger,
        "account": row.account,
        "computed_by": row.computed_by,
        "computed_at": row.computed_at,
        "lines": result["lines"],
    }


def progress_dict(db: Database, report: DistributionProgress) -> dict[str, Any]:
    """A distribution with its payments, for programs."""
    with db.connect() as connection:
        proposals = distribution_proposals(connection, report.row.distribution_id)
        withdrawn = why_withdrawn(connection, report.row.distribution_id)
    decimals = json.loads(report.row.document)["result"]["decimals"]
    return {
        **distribution_dict(report.row),
        "payments": [_payment(each, decimals) for each in report.payments],
        "tickets": [{"proposal_id": each.proposal_id, "state": each.state} for each in report.tickets],
        "proposals": proposals,
        "problems": {str(number): words for number, words in report.problems.items()},
        "files": [str(path) for path in report.files],
        "withdrawn": withdrawn or "",
        "next": report.next,
    }


def receipt_dict(row: CashReceiptRow) -> dict[str, Any]:
    """A receipt for programs."""
    return row._asdict() | {"amount": f"{row.amount:f}"}


def _payment(standing: PaymentStanding, decimals: int) -> dict[str, Any]:
    own = standing.payment
    return {
        **own._asdict(),
        "amount": amounts(decimals)(int(own.amount.scaleb(decimals))),
        "state": standing.stands,
        "attempts": standing.attempts,
        "proposal_id": standing.proposal_id,
        "reason": standing.set_aside or standing.reason or "",
        "tx_hash": standing.tx_hash,
        "ledger_index": standing.ledger_index,
        "closed_at": standing.closed_at,
    }
