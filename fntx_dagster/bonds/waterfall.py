"""Who is paid of the cash that came in: fees, then each class its interest and its principal, then equity.

All amounts are integers in minor units of one currency, and everything between them is exact. The rules:

1. The interest due of a tranche = outstanding × rate × year fraction of the period, rounded once, half to even. The
   principal due is what the schedule says; once a bond is accelerated or liquidating it is everything outstanding.
2. The steps are paid in order, each until the cash is used up: a step gets cash only when nothing is short before it.
   Rows of one step share pro rata to what they are owed (due + arrears), by largest remainder. What a row is owed and
   does not get is its arrears in the next period.
3. What a tranche gets goes to its holders by units, by largest remainder.
4. What is left goes to the equity holders. While the bond is delinquent or in default, and where nobody holds equity,
   it is retained: the first cash of the next distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.bonds.day_counts import year_fraction
from fntx_dagster.errors import Permanent
from fntx_dagster.model.largest_remainder import pro_rata

CLASSES = ("senior", "mezzanine", "subordinated")
CURRENT, DELINQUENT, DEFAULTED, ACCELERATED, LIQUIDATING = STATES = (
    *("current", "delinquent", "defaulted", "accelerated", "liquidating"),
)
FEE, INTEREST, PRINCIPAL, RESIDUAL = "fee", "interest", "principal", "residual"
TRUSTEE, EQUITY = "trustee", "equity"
_TRAPPED, _ALL_DUE = (DELINQUENT, DEFAULTED), (ACCELERATED, LIQUIDATING)
_RESIDUAL_STEP = 2 + 2 * len(CLASSES)


class UnitHolder(NamedTuple):
    """Who holds units of a tranche or of the equity. Units are in one unit of measure per list; only their proportions
    count."""

    id: str
    units: int


class FeeDue(NamedTuple):
    """A fee of the period, and what of it is owed from before. It is paid to the id itself."""

    id: str
    due: int
    arrears: int


class TrancheDue(NamedTuple):
    """A tranche at the start of a period. `rate` is a year's, 0.05 being 5 %; `principal_due` is as scheduled;
    `interest_due`: given where the interest of the period was due before, None where the period accrues it."""

    id: str
    rank: str
    outstanding: int
    rate: Fraction
    day_count: str
    principal_due: int
    interest_arrears: int
    principal_arrears: int
    holders: Sequence[UnitHolder]
    interest_due: int | None = None


class WaterfallDeal(NamedTuple):
    """What a distribution is computed from. `decimals`: of the currency; the period is `start` to before `end`."""

    currency: str
    decimals: int
    start: date
    end: date
    available: int
    state: str
    fees: Sequence[FeeDue]
    tranches: Sequence[TrancheDue]
    equity: Sequence[UnitHolder]


class WaterfallLine(NamedTuple):
    """One row of one step. `rank` is the class: trustee, that of a tranche, equity."""

    step: int
    kind: str
    rank: str
    id: str
    due: int
    arrears_before: int
    paid: int
    shortfall: int


class HolderPayment(NamedTuple):
    """What one holder gets of one line: above zero."""

    step: int
    id: str
    holder: str
    amount: int


class TrancheAfter(NamedTuple):
    """A tranche after the distribution; its arrears are what the next period begins with."""

    id: str
    outstanding_before: int
    outstanding_after: int
    interest_arrears: int
    principal_arrears: int


class Waterfall(NamedTuple):
    """A distribution. The lines are in the order of the steps and, within one, of the deal; equity's is the last."""

    lines: Sequence[WaterfallLine]
    payments: Sequence[HolderPayment]
    tranches: Sequence[TrancheAfter]
    residual: int
    retained: int


def distributed(deal: WaterfallDeal) -> Waterfall:
    """The waterfall of a deal. Permanent where cash is to be paid to a list of holders who have no units."""
    cash, lines = deal.available, []
    for step, rows in enumerate(_steps(deal), 1):
        paid = _paid(cash, rows)
        cash -= sum(paid)
        lines += [
            row._replace(step=step, paid=got, shortfall=_owed(row) - got) for row, got in zip(rows, paid, strict=True)
        ]
    residual = cash if deal.equity and deal.state not in _TRAPPED else 0
    lines.append(WaterfallLine(_RESIDUAL_STEP, RESIDUAL, EQUITY, EQUITY, residual, 0, residual, 0))
    return Waterfall(lines, _payments(deal, lines), _after(deal, lines), residual, cash - residual)


def interest_due(outstanding: int, rate: Fraction, start: date, end: date, day_count: str) -> int:
    """The interest of a period on what is outstanding in it, in minor units, rounded once, half to even."""
    return round(outstanding * rate * year_fraction(start, end, day_count))


def _steps(deal: WaterfallDeal) -> list[list[WaterfallLine]]:
    """The rows of each step before the residual, nothing paid yet."""
    fees = [WaterfallLine(0, FEE, TRUSTEE, fee.id, fee.due, fee.arrears, 0, 0) for fee in deal.fees]
    of_classes = [
        [line(tranche, deal) for tranche in deal.tranches if tranche.rank == rank]
        for rank in CLASSES
        for line in (_interest, _principal)
    ]
    return [fees, *of_classes]


def _interest(tranche: TrancheDue, deal: WaterfallDeal) -> WaterfallLine:
    due = tranche.interest_due
    if due is None:
        due = interest_due(tranche.outstanding, tranche.rate, deal.start, deal.end, tranche.day_count)
    return WaterfallLine(0, INTEREST, tranche.rank, tranche.id, due, tranche.interest_arrears, 0, 0)


def _principal(tranche: TrancheDue, deal: WaterfallDeal) -> WaterfallLine:
    """In an acceleration what is in arrears is a part of everything outstanding, and is not owed twice."""
    due = tranche.principal_due
    if deal.state in _ALL_DUE:
        due = tranche.outstanding - tranche.principal_arrears
    return WaterfallLine(0, PRINCIPAL, tranche.rank, tranche.id, due, tranche.principal_arrears, 0, 0)


def _owed(line: WaterfallLine) -> int:
    return line.due + line.arrears_before


def _paid(cash: int, rows: Sequence[WaterfallLine]) -> list[int]:
    owed = [_owed(row) for row in rows]
    return owed if sum(owed) <= cash else pro_rata(cash, owed, [row.id for row in rows])


def _payments(deal: WaterfallDeal, lines: Sequence[WaterfallLine]) -> list[HolderPayment]:
    holders = {tranche.id: tranche.holders for tranche in deal.tranches}
    payments: list[HolderPayment] = []
    for line in lines:
        if line.kind == FEE:
            shares = [(line.id, line.paid)]
        else:
            shares = _shares(line, deal.equity if line.kind == RESIDUAL else holders[line.id])
        payments += [HolderPayment(line.step, line.id, holder, amount) for holder, amount in shares if amount]
    return payments


def _shares(line: WaterfallLine, holders: Sequence[UnitHolder]) -> list[tuple[str, int]]:
    units, ids = [holder.units for holder in holders], [holder.id for holder in holders]
    if line.paid and not any(units):
        raise Permanent(
            f"the holders of {line.id} have no units, and cash is to be paid to them", "Say who holds which units"
        )
    return list(zip(ids, pro_rata(line.paid, units, ids), strict=True))


def _after(deal: WaterfallDeal, lines: Sequence[WaterfallLine]) -> list[TrancheAfter]:
    of_tranche = {(line.kind, line.id): line for line in lines}
    return [
        TrancheAfter(
            tranche.id,
            tranche.outstanding,
            tranche.outstanding - (principal := of_tranche[PRINCIPAL, tranche.id]).paid,
            of_tranche[INTEREST, tranche.id].shortfall,
            principal.shortfall,
        )
        for tranche in deal.tranches
    ]
