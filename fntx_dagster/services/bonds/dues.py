"""What is due on a bond, and what of it was paid: fees and principal as the schedule has them, interest on what is
outstanding, so that late principal makes more of it due than the schedule says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.bonds.cashflows import CouponPeriod
from fntx_dagster.bonds.interest import InterestTerms, PaidBack, interest, outstanding_on, paid_back
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.store.treasury.bond_money import CashflowRow, DueRow, MetRow, cashflows_of, met_until
from fntx_dagster.store.treasury.bonds import tranches_of

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.bonds import BondRow, TrancheRow


class TrancheInterest(NamedTuple):
    """The interest of a tranche, by what was paid back of it so far. Amounts in its currency."""

    terms: InterestTerms
    repaid: list[PaidBack]
    decimals: int

    def of_period(self, number: int, day: date | None = None) -> Decimal:
        """Of a period when a day begins, None: at its end."""
        return self._money(interest(self.terms, number, self.repaid, day))

    def outstanding(self, day: date) -> Decimal:
        """What bears interest on a day."""
        return self._money(outstanding_on(self.terms, self.repaid, day))

    def _money(self, minor: int) -> Decimal:
        return Decimal(minor).scaleb(-self.decimals)


def interest_of(connection: Connection, bond: BondRow, until: date | None = None) -> dict[str, TrancheInterest]:
    """Tranche → its interest, by the principal that ledgers confirmed up to a date, None: all."""
    flows, paid = cashflows_of(connection, bond.bond_id), met_until(connection, bond.bond_id, until)
    return _interest_of(bond, tranches_of(connection, bond.bond_id), flows, paid)


def dues_of(connection: Connection, bond_id: str, on: date, *, ahead: bool = False) -> list[DueRow]:
    """What was due on a bond up to a date, each with what was paid of it up to then, or is held for its
    payees; what is paid on a line goes to
    what was due first; `ahead`: and what is due later, with the interest of periods that have not begun as scheduled.
    By date, then by kind and line."""
    bond = known_bond(connection, bond_id)
    flows, paid = cashflows_of(connection, bond_id), met_until(connection, bond_id, on)
    accruing = _interest_of(bond, tranches_of(connection, bond_id), flows, paid)
    left: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in paid:
        left[row.kind, row.line_id] += row.amount
    dues: list[DueRow] = []
    for flow in sorted(flows, key=lambda each: each.period):
        amount = flow.amount
        if flow.kind == "interest" and flow.period_start <= on:
            amount = accruing[flow.line_id].of_period(flow.period)
        covered = min(amount, left[flow.kind, flow.line_id])
        left[flow.kind, flow.line_id] -= covered
        if ahead or flow.due_date <= on:
            dues.append(DueRow(flow.kind, flow.line_id, flow.period, flow.due_date, amount, covered))
    return sorted(dues, key=lambda each: (each.due_date, each.kind, each.line_id.encode()))


def arrears_of(connection: Connection, bond_id: str, on: date) -> list[DueRow]:
    """What is overdue on a date: due before it, and not paid in full up to it. The oldest first: it sets the clock."""
    return [row for row in dues_of(connection, bond_id, on) if row.due_date < on and row.unpaid > 0]


def _interest_of(
    bond: BondRow, tranches: Sequence[TrancheRow], flows: Sequence[CashflowRow], paid: Iterable[MetRow]
) -> dict[str, TrancheInterest]:
    def minor(amount: Decimal) -> int:
        return int(amount.scaleb(bond.decimals))

    periods: dict[str, list[CouponPeriod]] = defaultdict(list)
    redemptions: dict[str, dict[int, int]] = defaultdict(dict)
    for flow in sorted(flows, key=lambda each: each.period):
        if flow.kind == "interest":
            periods[flow.line_id].append(CouponPeriod(flow.period, flow.period_start, flow.period_end, flow.due_date))
        elif flow.kind == "principal":
            redemptions[flow.line_id][flow.period] = minor(flow.amount)
    back: Mapping[str, list[PaidBack]] = defaultdict(list)
    for row in paid:
        if row.kind == "principal":
            back[row.line_id].append(PaidBack(row.day, minor(row.amount)))
    found: dict[str, TrancheInterest] = {}
    for tranche in tranches:
        name, rate = tranche.tranche_id, Fraction(tranche.rate)
        terms = InterestTerms(minor(tranche.notional), rate, tranche.day_count, periods[name])
        repaid = paid_back(periods[name], redemptions[name], sorted(back[name]))
        found[name] = TrancheInterest(terms, repaid, bond.decimals)
    return found
