"""The interest of a day, of every bond whose interest runs: written once, so that a day that is run again changes
nothing. The days of a period sum to its coupon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.bonds.accruals import accrual_of_day, accrued
from fntx_dagster.store.treasury.bond_money import (
    AccrualRow,
    CashflowRow,
    DueRow,
    accruals_of,
    add_accruals,
    cashflows_of,
    dues_of,
)
from fntx_dagster.store.treasury.bonds import BondRow, TrancheRow, bond, bonds, tranches_of

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
    """The interest of a day, by tranche; nothing outside of the bond's periods."""
    periods = {
        each.line_id: each
        for each in cashflows_of(connection, row.bond_id)
        if each.kind == "interest" and each.period_start <= day < each.period_end
    }
    if not periods:
        return []
    dues = dues_of(connection, row.bond_id, day)
    begun = {
        each.tranche_id: each.outstanding
        for each in accruals_of(connection, row.bond_id, min(each.period_start for each in periods.values()), day)
        if each.period == periods[each.tranche_id].period
    }
    return [
        _accrual(row, tranche, periods[tranche.tranche_id], begun.get(tranche.tranche_id), dues, day)
        for tranche in tranches_of(connection, row.bond_id)
        if tranche.tranche_id in periods
    ]


def _accrual(
    row: BondRow,
    tranche: TrancheRow,
    period: CashflowRow,
    begun: Decimal | None,
    dues: Sequence[DueRow],
    day: date,
) -> AccrualRow:
    """The interest of a tranche. One notional bears it in the whole period, that of the first day that was kept: by
    schedule, with the principal that was overdue before the period began."""
    assert period.outstanding is not None  # it is of a tranche
    late = (
        each.unpaid
        for each in dues
        if (each.kind, each.line_id) == ("principal", tranche.tranche_id) and each.due_date < period.period_start
    )
    outstanding = period.outstanding + sum(late, Decimal(0)) if begun is None else begun
    terms = (int(outstanding.scaleb(row.decimals)), Fraction(tranche.rate), tranche.day_count)
    at = (period.period_start, period.period_end, day + _A_DAY)  # when the day is over
    amounts = (Decimal(minor).scaleb(-row.decimals) for minor in (accrual_of_day(*terms, *at), accrued(*terms, *at)))
    return AccrualRow(tranche.tranche_id, day, period.period, outstanding, *amounts)
