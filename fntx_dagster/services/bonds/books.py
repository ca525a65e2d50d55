"""Bonds as their reports need them: everything of one bond, read in one transaction that sees no later change."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from fntx_dagster.bonds.clocks import lateness
from fntx_dagster.governance.machines import BOND
from fntx_dagster.model.bond_book import (
    BondBook,
    BondClock,
    BondFacts,
    BondStepPossible,
    BondStepTaken,
    DistributionLine,
    DistributionPayment,
    DistributionStanding,
    DueStanding,
    HeldStanding,
    HoldingStanding,
    PaidStanding,
    TrancheStanding,
)
from fntx_dagster.report.bond_reports import CONFIRMED, SET_ASIDE
from fntx_dagster.services.bonds.days import shown_day
from fntx_dagster.services.bonds.dues import dues_of
from fntx_dagster.services.bonds.steps import known_bond
from fntx_dagster.store.treasury.bond_money import (
    accruals_of,
    cashflows_of,
    outstanding_of,
    paid_on,
)
from fntx_dagster.store.treasury.bonds import BondRow, HoldingRow, bond_events, bonds, holders_of, tranches_of
from fntx_dagster.store.treasury.distributions import (
    DistributionRow,
    PaymentStanding,
    distributions,
    lines_of,
    payments_of,
)
from fntx_dagster.store.treasury.set_aside import held_of

if TYPE_CHECKING:
    from fntx_dagster.store.database import Connection, Database

_A_DAY = timedelta(days=1)
_OPEN = "open"
"""The state of a payment that no proposal makes yet."""


def bond_book(db: Database, bond_id: str, on: date | None = None) -> BondBook:
    """A bond on a date, that of `shown_day` where none is given: payments after it do not count. Raises NoSuchBond."""
    with db.snapshot() as snapshot:
        on = on or shown_day(snapshot, bond_id)
        with snapshot.connect() as connection:
            return _book(connection, known_bond(connection, bond_id), on)


def bond_books(db: Database, on: date | None = None) -> list[BondBook]:
    """All bonds on a date, by id."""
    with db.snapshot() as snapshot:
        on = on or shown_day(snapshot)
        with snapshot.connect() as connection:
            found = sorted(bonds(connection), key=lambda row: row.bond_id)
            return [_book(connection, row, on) for row in found]


def _book(connection: Connection, row: BondRow, on: date) -> BondBook:
    dues = dues_of(connection, row.bond_id, on, ahead=True)
    holders = holders_of(connection, row.bond_id, on)
    late = lateness(dues, datetime.combine(on, time(), UTC), row.grace_days, row.cure_days)
    return BondBook(
        facts=BondFacts(
            row.bond_id,
            row.name,
            row.issuer,
            row.state,
            row.currency,
            row.decimals,
            row.notional,
            row.rate,
            row.start_date,
            row.maturity_date,
            row.grace_days,
            row.cure_days,
            on,
        ),
        clock=BondClock(late.oldest, late.days_overdue, Decimal(late.arrears), late.delinquent_from, late.default_from),
        tranches=_tranches(connection, row.bond_id, holders, on),
        holdings=_holdings(holders),
        dues=tuple(DueStanding(due.period, due.due_date, due.kind, due.line_id, due.amount, due.paid) for due in dues),
        paid=tuple(
            PaidStanding(paid.kind, paid.line_id, paid.amount, paid.paid_on, paid.source)
            for paid in paid_on(connection, row.bond_id)
            if paid.paid_on <= on
        ),
        distributions=tuple(
            _distribution(connection, each, on)
            for each in reversed(distributions(connection, row.bond_id, releases=True))
        ),
        steps=tuple(
            BondStepTaken(
                step.event,
                step.from_state,
                step.to_state,
                step.reason,
                step.actor,
                step.ledger_date,
                step.recorded_at,
                step.audit_seq,
            )
            for step in bond_events(connection, row.bond_id)
        ),
        possible=tuple(
            BondStepPossible(each.event, each.next, each.guard, each.approvals)
            for each in BOND
            if each.state == row.state
        ),
        held=_held(connection, row.bond_id, on),
    )


def _tranches(connection: Connection, bond_id: str, holders: list[HoldingRow], on: date) -> tuple[TrancheStanding, ...]:
    terms = {tranche.tranche_id: tranche for tranche in tranches_of(connection, bond_id)}
    accrued = _accrued(connection, bond_id, on)
    standings = []
    for left in outstanding_of(connection, bond_id, on):
        tranche = terms[left.tranche_id]
        units = [holder.units for holder in holders if holder.tranche_id == left.tranche_id]
        standings.append(
            TrancheStanding(
                left.tranche_id,
                tranche.class_name,
                left.notional,
                left.outstanding,
                tranche.rate,
                tranche.repayment,
                accrued.get(left.tranche_id),
                len(units),
                sum(units, Decimal(0)),
            )
        )
    return tuple(standings)


def _accrued(connection: Connection, bond_id: str, on: date) -> dict[str, Decimal]:
    """Tranche → the interest of the period that runs on a date, as far as the days before it are accrued."""
    running = [flow for flow in cashflows_of(connection, bond_id) if flow.period_start < on <= flow.period_end]
    if not running:
        return {}
    rows = accruals_of(connection, bond_id, min(flow.period_start for flow in running), on - _A_DAY)
    periods = {flow.period for flow in running}
    return {row.tranche_id: row.accrued for row in rows if row.period in periods}


def _holdings(holders: list[HoldingRow]) -> tuple[HoldingStanding, ...]:
    units: dict[str | None, Decimal] = defaultdict(Decimal)
    for holder in holders:
        units[holder.tranche_id] += holder.units
    return tuple(
        HoldingStanding(holder.tranche_id, holder.holder, holder.units, units[holder.tranche_id]) for holder in holders
    )


def _distribution(connection: Connection, row: DistributionRow, on: date) -> DistributionStanding:
    payments = []
    for standing in payments_of(connection, row.distribution_id):
        payment, closed_at = standing.payment, standing.closed_at
        held = closed_at is not None and closed_at.astimezone(UTC).date() <= on
        payments.append(
            DistributionPayment(
                payment.kind,
                payment.line_id,
                payment.party,
                payment.amount,
                CONFIRMED if held else _state(standing),
                standing.tx_hash if held else None,
                closed_at if held else None,
            )
        )
    lines = lines_of(connection, row.distribution_id)
    return DistributionStanding(
        row.number,
        row.period,
        row.state,
        row.available,
        row.carried,
        row.retained,
        row.hash,
        row.computed_at,
        tuple(
            DistributionLine(
                line.step,
                line.kind,
                line.class_name,
                line.line_id,
                line.due,
                line.arrears_before,
                line.paid,
                line.shortfall,
            )
            for line in lines
        ),
        tuple(payments),
        row.kind,
    )


def _held(connection: Connection, bond_id: str, on: date) -> tuple[HeldStanding, ...]:
    return tuple(
        HeldStanding(
            held.distribution,
            held.number,
            held.kind,
            held.line_id,
            held.party,
            held.amount,
            held.held_from,
            held.reason,
        )
        for held in held_of(connection, bond_id, on)
    )


def _state(standing: PaymentStanding) -> str:
    return SET_ASIDE if standing.set_aside is not None else standing.state or _OPEN
