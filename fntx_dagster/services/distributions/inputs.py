"""What a distribution is computed from: the bond's cash, its state, what is due and in arrears, and who holds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from fntx_dagster.bonds.deals import amounts
from fntx_dagster.bonds.distributions import EQUITY_LINE, Payee
from fntx_dagster.bonds.waterfall import FEE, INTEREST, PRINCIPAL, STATES
from fntx_dagster.errors import Permanent
from fntx_dagster.services.bonds.dues import interest_of
from fntx_dagster.store.treasury.bond_money import CashflowRow, cashflows_of, outstanding_of
from fntx_dagster.store.treasury.bonds import fees_of, holders_of, tranches_of
from fntx_dagster.store.treasury.cash_receipts import receipts_of
from fntx_dagster.store.treasury.distributions import DistributionRow, distributions, lines_of

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.bonds import BondRow, HoldingRow

PAYING_STATES = ("Funded", "Distributing", "Current", "Delinquent", "Defaulted", "Cured", "Accelerated", "Liquidating")
"""The states of a bond in which its cash is distributed. It is Distributing without a distribution that is open where
its first was withdrawn, and where somebody took the step by name."""
_Line = tuple[str, str]


class DistributionInputs(NamedTuple):
    """`deal`: the document that the waterfall reads; `period`: the last of the schedule that it covers; `carried`: of
    its cash, what the distribution before retained; `payees`: (line, holder) → who is paid: those who hold at the end
    of `record_date`."""

    deal: dict[str, Any]
    period: int
    number: int
    carried: Decimal
    receipts: list[UUID]
    payees: dict[tuple[str, str], Payee]
    record_date: date


class _Due(NamedTuple):
    """The period that is distributed, those before it that never were, and whether it was distributed already: then
    its arrears alone are owed."""

    period: int
    skipped: Sequence[int]
    again: bool


def inputs_of(connection: Connection, bond: BondRow, asked: int | None, today: date) -> DistributionInputs:
    """What the next distribution of a bond is computed from. `asked`: the period, else the one that is due by `today`,
    the ledger's date. Raises Permanent where the bond's state pays nobody, a distribution is open, no cash came in, or
    nothing is due."""
    if bond.state not in PAYING_STATES:
        raise Permanent(
            f"the bond {bond.bond_id} is {bond.state}", f"Cash is distributed in {', '.join(PAYING_STATES)}"
        )
    made = distributions(connection, bond.bond_id, withdrawn=True, releases=True)
    last = next((each for each in made if not (each.is_withdrawn or each.is_release)), None)
    if last is not None and last.state != "confirmed":
        raise Permanent(
            f"the distribution {last.distribution_id} of {bond.bond_id} is {last.state}",
            f"The next begins where it ends: `fntx bond pay {last.distribution_id} -o DIR` goes on with it",
        )
    short = (
        {(line.kind, line.line_id): line.shortfall for line in lines_of(connection, last.distribution_id)}
        if last
        else {}
    )
    flows = cashflows_of(connection, bond.bond_id)
    due = _due(bond, flows, last, any(short.values()), asked, today)
    receipts = receipts_of(connection, bond.bond_id, free=True)
    carried = last.retained if last else Decimal(0)
    available = carried + sum((each.amount for each in receipts), Decimal(0))
    if not available:
        raise Permanent(f"no cash came in on {bond.bond_id}", "Record it: `fntx bond receipt`")
    record = _record_date(flows, due, last, today)
    holdings = holders_of(connection, bond.bond_id, record)
    deal = _deal(connection, bond, flows, due, short, holdings) | {"available": _text(available, bond.decimals)}
    number = max((each.number for each in made), default=0) + 1
    ids = [each.receipt_id for each in receipts]
    return DistributionInputs(deal, due.period, number, carried, ids, _payees(connection, bond, holdings), record)


def _record_date(flows: Sequence[CashflowRow], due: _Due, last: DistributionRow | None, today: date) -> date:
    """Who holds on the day on which the period is due is paid, today where that has not come yet. Arrears of a period
    that was distributed before go to those who hold today, as with a special record date for defaulted interest; and
    no distribution goes by an earlier day than the one before."""
    day = today if due.again else min(today, max(flow.due_date for flow in flows if flow.period == due.period))
    return max(day, last.record_date) if last is not None and last.record_date is not None else day


def _due(
    bond: BondRow,
    flows: Sequence[CashflowRow],
    last: DistributionRow | None,
    short: bool,
    asked: int | None,
    today: date,
) -> _Due:
    """Which period is distributed: the one that is asked for; else the last that is due, else the next; the one before
    again where something of it is short and the next is not due yet."""
    dates = {flow.period: flow.due_date for flow in flows}
    done = last.period if last else 0
    to_come = sorted(period for period in dates if period > done)
    if asked is not None:
        if asked not in dates or asked < done:
            raise Permanent(f"{asked} is no period of {bond.bond_id} that is left", f"It is one of {to_come or [done]}")
        period = asked
    else:
        late = [period for period in to_come if dates[period] <= today]
        period = late[-1] if late else done if short or not to_come else to_come[0]
        if period == 0 or (period == done and not short and bond.state not in ("Accelerated", "Liquidating")):
            raise Permanent(f"nothing is due on {bond.bond_id} any more", "Look at it: `fntx bond show`")
    return _Due(period, [each for each in to_come if each < period], period == done)


def _deal(
    connection: Connection,
    bond: BondRow,
    flows: Sequence[CashflowRow],
    due: _Due,
    short: Mapping[_Line, Decimal],
    holdings: Sequence[HoldingRow],
) -> dict[str, Any]:
    """The document of the deal but for its cash."""
    text = _writer(bond.decimals)
    by_line: dict[tuple[str, str, int], CashflowRow] = {(flow.kind, flow.line_id, flow.period): flow for flow in flows}
    frame = next(flow for flow in flows if flow.period == due.period)

    def scheduled(kind: str, line: str, periods: Sequence[int]) -> Decimal:
        rows = (by_line.get((kind, line, period)) for period in periods)
        return sum((row.amount for row in rows if row), Decimal(0))

    now = [] if due.again else [due.period]
    fees = [
        {
            "id": fee.fee_id,
            "due": text(scheduled(FEE, fee.fee_id, now)),
            "arrears": text(short.get((FEE, fee.fee_id), Decimal(0)) + scheduled(FEE, fee.fee_id, due.skipped)),
        }
        for fee in fees_of(connection, bond.bond_id)
    ]
    outstanding = {row.tranche_id: row.outstanding for row in outstanding_of(connection, bond.bond_id)}
    holders, accruing = _holders(holdings), interest_of(connection, bond)
    tranches: list[dict[str, Any]] = []
    for tranche in tranches_of(connection, bond.bond_id):
        left, line = outstanding[tranche.tranche_id], tranche.tranche_id
        of_period = accruing[line].of_period
        interest = short.get((INTEREST, line), Decimal(0)) + sum(map(of_period, due.skipped), Decimal(0))
        principal = short.get((PRINCIPAL, line), Decimal(0)) + scheduled(PRINCIPAL, line, due.skipped)
        principal = min(principal, left)
        tranches.append(
            {
                "id": line,
                "class": tranche.class_name,
                "outstanding": text(left),
                "rate": f"{tranche.rate:f}",
                "day_count": tranche.day_count,
                "principal_due": text(min(scheduled(PRINCIPAL, line, now), left - principal)),
                "interest_arrears": text(interest),
                "principal_arrears": text(principal),
                "holders": holders.get(line, []),
                "interest_due": text(sum(map(of_period, now), Decimal(0))),
            }
        )
    return {
        "currency": bond.currency,
        "decimals": bond.decimals,
        "period": {"start": str(frame.period_start), "end": str(frame.period_end)},
        "state": bond.state.lower() if bond.state.lower() in STATES else "current",
        "fees": fees,
        "tranches": tranches,
        "equity": {"holders": holders.get(EQUITY_LINE, [])},
    }


def _holders(holdings: Sequence[HoldingRow]) -> dict[str, list[dict[str, str]]]:
    """Line → its holders with their units."""
    holders: dict[str, list[dict[str, str]]] = {}
    for row in holdings:
        line = EQUITY_LINE if row.tranche_id is None else row.tranche_id
        holders.setdefault(line, []).append({"id": row.holder, "units": f"{row.units:f}"})
    return holders


def _payees(connection: Connection, bond: BondRow, holdings: Sequence[HoldingRow]) -> dict[tuple[str, str], Payee]:
    fees = {(fee.fee_id, fee.fee_id): Payee(fee.party, fee.address) for fee in fees_of(connection, bond.bond_id)}
    holders = {
        (EQUITY_LINE if row.tranche_id is None else row.tranche_id, row.holder): Payee(row.holder, row.address)
        for row in holdings
    }
    return fees | holders


def _writer(decimals: int):
    return lambda amount: _text(amount, decimals)


def _text(amount: Decimal, decimals: int) -> str:
    return amounts(decimals)(int(amount.scaleb(decimals)))
