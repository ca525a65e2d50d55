"""What is due on a bond by schedule: of each tranche its interest and what is repaid, and the fees of each period."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from fntx_dagster.bonds.business_days import business_days
from fntx_dagster.bonds.cashflows import CouponPeriod, ScheduledDue, coupon_periods, scheduled_dues
from fntx_dagster.bonds.cycles import read_cycle
from fntx_dagster.errors import Permanent
from fntx_dagster.store.treasury.bond_money import CashflowRow

if TYPE_CHECKING:
    from fntx_dagster.store.treasury.bonds import BondRow, FeeRow, TrancheRow

_MOST_DUES = 100_000
"""They are written in one step, while nobody else can take one: more than 80 years of days are a mistake."""


def periods_of(bond: BondRow) -> list[CouponPeriod]:
    """The periods of a bond, by its terms."""
    days = business_days(bond.business_days, bond.calendar)
    return coupon_periods(bond.start_date, bond.maturity_date, read_cycle(bond.cycle), days)


def cashflows(bond: BondRow, tranches: Sequence[TrancheRow], fees: Sequence[FeeRow]) -> list[CashflowRow]:
    """Everything that is due on a bond, by period: fees, then of each tranche interest and, where some is repaid,
    principal. Raises Permanent for more of them than are kept."""
    periods = periods_of(bond)
    if (many := len(periods) * (len(fees) + 2 * len(tranches))) > _MOST_DUES:
        raise Permanent(
            f"{len(periods):,} periods of {bond.bond_id} make up to {many:,} payments, and {_MOST_DUES:,} are kept",
            "Write a longer cycle, or fewer tranches",
        )
    rows = [
        CashflowRow("fee", fee.fee_id, period.number, period.start, period.end, period.due, None, fee.amount)
        for period in periods
        for fee in fees
    ]
    for tranche in tranches:
        notional = int(tranche.notional.scaleb(bond.decimals))
        for due in scheduled_dues(periods, notional, Fraction(tranche.rate), tranche.day_count, tranche.repayment):
            rows.append(_row(bond, tranche, due, "interest", due.interest))
            if due.principal:
                rows.append(_row(bond, tranche, due, "principal", due.principal))
    return rows


def _row(bond: BondRow, tranche: TrancheRow, due: ScheduledDue, kind: str, minor: int) -> CashflowRow:
    number, start, end, day = due.period
    amounts = _money(due.outstanding, bond.decimals), _money(minor, bond.decimals)
    return CashflowRow(kind, tranche.tranche_id, number, start, end, day, *amounts)


def _money(minor: int, decimals: int) -> Decimal:
    return Decimal(minor).scaleb(-decimals)
