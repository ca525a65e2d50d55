"""The interest of a day, of every bond whose interest runs: written once, so that a day that is run again changes
nothing. The days of a period sum to the interest that is due for it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.services.bonds.dues import interest_of
from fntx_dagster.store.treasury.bond_money import (
    AccrualRow,
    accruals_of,
    add_accruals,
    cashflows_of,
)
from fntx_dagster.store.treasury.bonds import BondRow, bond, bonds

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection, Database

ACCRUES = (
    *("Active", "Paused", "Funding", "Funded", "Distributing", "Current", "Delinquent", "Defaulted", "Cured"),
    *("Accelerated", "Liquidating"),
)
"""States of a bond whose interest runs: from its approval to its end."""
_A_DAY = timedelta(days=1)


class AccruedBond(NamedTuple):
    """The interest of a day of a bond, of all its tranches, and how many rows of it are new."""

    bond_id: str
    currency: str
    decimals: int
    amount: Decimal
    new: int


def accrue(db: Database, day: date) -> list[AccruedBond]:
    """Keep the interest that each bond earns on a day (UTC); those that are kept already stay. By bond."""
    with db.connect() as connection:
        ids = sorted(row.bond_id for row in bonds(connection, ACCRUES) if row.start_date <= day)
    done: list[AccruedBond] = []
    for bond_id in ids:
        with db.connect() as connection:
            row = bond(connection, bond_id)
            assert row  # bonds are never deleted
            new = add_accruals(connection, bond_id, _accruals(connection, row, day))
            kept = accruals_of(connection, bond_id, day, day)
        if kept:
            total = sum((each.amount for each in kept), Decimal(0))
            done.append(AccruedBond(bond_id, row.currency, row.decimals, total, new))
    return done


def _accruals(connection: Connection, row: BondRow, day: date) -> list[AccrualRow]:
    """The interest of a day, by tranche; nothing outside of the bond's periods. What a ledger confirmed after an
    earlier day of the period was kept is made good with this day: so the days sum to what is due."""
    periods = {
        each.line_id: each
        for each in cashflows_of(connection, row.bond_id)
        if each.kind == "interest" and each.period_start <= day < each.period_end
    }
    if not periods:
        return []
    before = {
        (each.tranche_id, each.period): each.accrued
        for each in accruals_of(connection, row.bond_id, day - _A_DAY, day - _A_DAY)
    }
    rows: list[AccrualRow] = []
    for name, accruing in interest_of(connection, row, day).items():
        if name not in periods:
            continue
        number = periods[name].period
        accrued = accruing.of_period(number, day + _A_DAY)  # when the day is over
        amount = accrued - before.get((name, number), accruing.of_period(number, day))
        rows.append(AccrualRow(name, day, number, accruing.outstanding(day), amount, accrued))
    return rows
