"""What is due on a bond by schedule, what ledgers confirmed as paid, what is left, and the interest of each day.

What was paid on a line goes to what was due first: the oldest due that is not paid in full sets the clock. What is held
for a payee who cannot be paid counts as paid on its line: the bond owes it no more, whoever holds it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns
from fntx_dagster.store.treasury.set_aside import HELD_ON


class CashflowRow(NamedTuple):
    """An amount that is due by schedule. `kind`: fee, interest or principal; `line_id`: the fee or the tranche;
    interest counts from `period_start` to `period_end`; `due_date`: shifted to a business day; `outstanding`: of the
    tranche in the period, by schedule, None of a fee."""

    kind: str
    line_id: str
    period: int
    period_start: date
    period_end: date
    due_date: date
    outstanding: Decimal | None
    amount: Decimal


class DueRow(NamedTuple):
    """An amount that is due by schedule, and what of it was paid."""

    kind: str
    line_id: str
    period: int
    due_date: date
    amount: Decimal
    paid: Decimal

    @property
    def unpaid(self) -> Decimal:
        """What is missing."""
        return self.amount - self.paid


class PaidRow(NamedTuple):
    """What a ledger confirmed as paid on a line. `source`: the payment of a distribution, which counts once;
    `paid_on`: the UTC date of the validated ledger."""

    source: str
    kind: str
    line_id: str
    amount: Decimal
    paid_on: date


class MetRow(NamedTuple):
    """What was paid on a line, or set aside for its payee, and from which UTC date on it counts."""

    kind: str
    line_id: str
    amount: Decimal
    day: date


class OutstandingRow(NamedTuple):
    """A tranche with what of its notional is not paid back."""

    tranche_id: str
    notional: Decimal
    outstanding: Decimal


class AccrualRow(NamedTuple):
    """The interest of a day: of the day, and of its period so far."""

    tranche_id: str
    day: date
    period: int
    outstanding: Decimal
    amount: Decimal
    accrued: Decimal


def add_cashflows(connection: Connection, bond_id: str, rows: Iterable[CashflowRow]) -> None:
    """Keep what is due on a bond, for good."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into treasury.bond_cashflow (bond_id, {columns(CashflowRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [(bond_id, *row) for row in rows],
        )


def cashflows_of(connection: Connection, bond_id: str, period: int | None = None) -> list[CashflowRow]:
    """What is due on a bond, in one period or in all: by date, then fees, interest, principal, by line."""
    with connection.cursor(row_factory=args_row(CashflowRow)) as cursor:
        return cursor.execute(
            f"""select {columns(CashflowRow._fields)} from treasury.bond_cashflow
            where bond_id = %(bond)s and (%(period)s::int is null or period = %(period)s)
            order by due_date, period, kind, line_id collate "C\"""",
            {"bond": bond_id, "period": period},
        ).fetchall()


def add_paid(connection: Connection, bond_id: str, row: PaidRow) -> bool:
    """Keep what a ledger confirmed as paid on a line; False where its source counts already."""
    return (
        connection.execute(
            f"""insert into treasury.bond_paid (bond_id, {columns(PaidRow._fields)}) values (%s, %s, %s, %s, %s, %s)
            on conflict (source) do nothing""",
            [bond_id, *row],
        ).rowcount
        == 1
    )


def paid_on(connection: Connection, bond_id: str) -> list[PaidRow]:
    """What was paid on a bond, in the order of its dates."""
    with connection.cursor(row_factory=args_row(PaidRow)) as cursor:
        return cursor.execute(
            f"""select {columns(PaidRow._fields)} from treasury.bond_paid where bond_id = %s
            order by paid_on, recorded_at, source""",
            [bond_id],
        ).fetchall()


def met_until(connection: Connection, bond_id: str, until: date | None = None) -> list[MetRow]:
    """What was met of the lines of a bond up to a date (None: all), in the order of its days. What was held for a payee
    was met when it was set aside, also once it is paid."""
    with connection.cursor(row_factory=args_row(MetRow)) as cursor:
        return cursor.execute(
            """with held as (
                select kind, line_id, amount, held_from, held_until from treasury.payment_held
                where bond_id = %(bond)s and kind <> 'residual'
            ), paid as (
                select kind, line_id, amount, paid_on,
                    row_number() over (partition by kind, line_id, amount, paid_on order by source) as place
                from treasury.bond_paid where bond_id = %(bond)s
            ), met as (
                select kind, line_id, amount, held_from as day from held
                union all
                select kind, line_id, amount, paid_on from paid where place > (
                    select count(*) from held where (held.kind, held.line_id, held.amount, held_until)
                        = (paid.kind, paid.line_id, paid.amount, paid_on))
            )
            select kind, line_id, amount, day from met where %(until)s::date is null or day <= %(until)s
            order by day, kind, line_id collate "C", amount""",
            {"bond": bond_id, "until": until},
        ).fetchall()


def newest_ledger_date(connection: Connection, bond_id: str | None = None) -> date | None:
    """The newest UTC date that a ledger gave a payment or a step of a bond, or of any; None where there is none, and
    for a text that no database can hold."""
    if bond_id is not None and "\x00" in bond_id:
        return None
    return connection.execute(
        """select greatest(
            (select max(paid_on) from treasury.bond_paid where %(bond)s::text is null or bond_id = %(bond)s),
            (select max((ledger_date at time zone 'UTC')::date) from treasury.bond_event
                where %(bond)s::text is null or bond_id = %(bond)s))""",
        {"bond": bond_id},
    ).fetchall()[0][0]


def outstanding_of(connection: Connection, bond_id: str, until: date | None = None) -> list[OutstandingRow]:
    """Of each tranche what is not paid back, nor held for its holders, by the payments up to a date (None: all); senior
    first, then by id."""
    with connection.cursor(row_factory=args_row(OutstandingRow)) as cursor:
        return cursor.execute(
            f"""select tranche_id, notional, notional - coalesce((
                select sum(amount) from ({_MET}) as met
                where kind = 'principal' and line_id = tranche_id), 0) as outstanding
            from treasury.bond_tranche as tranche where bond_id = %(bond)s
            order by array_position(array['senior', 'mezzanine', 'subordinated'], class), tranche_id collate "C\"""",
            {"bond": bond_id, "until": until},
        ).fetchall()


def add_accruals(connection: Connection, bond_id: str, rows: Iterable[AccrualRow]) -> int:
    """Keep the interest of days; those that are there stay as they are. How many are new."""
    new = 0
    for row in rows:
        new += connection.execute(
            f"""insert into treasury.bond_accrual (bond_id, {columns(AccrualRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            [bond_id, *row],
        ).rowcount
    return new


def accruals_of(connection: Connection, bond_id: str, first: date, last: date) -> list[AccrualRow]:
    """The interest of the days from `first` to `last`, by day and tranche."""
    with connection.cursor(row_factory=args_row(AccrualRow)) as cursor:
        return cursor.execute(
            f"""select {columns(AccrualRow._fields)} from treasury.bond_accrual
            where bond_id = %s and day between %s and %s order by day, tranche_id collate "C\"""",
            [bond_id, first, last],
        ).fetchall()


_MET = f"""select kind, line_id, amount from treasury.bond_paid
    where bond_id = %(bond)s and (%(until)s::date is null or paid_on <= %(until)s)
    union all select kind, line_id, amount from treasury.payment_held
    where bond_id = %(bond)s and kind <> 'residual' and {HELD_ON}"""
"""What counts as paid on the lines of a bond."""
