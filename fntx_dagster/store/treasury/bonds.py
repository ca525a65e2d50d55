"""Bonds, their series, tranches and holders, and the steps of each. A step is one statement that names the state from
which it goes. What is due and what was paid is in `bond_money`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class BondRow(NamedTuple):
    """A bond. `rate`: a year, 0.05 for 5 %; `terms`, `structure`: canonical JSON, as they were handed in; `issuer`: a
    party's id. The token stands for the bond on its ledger; holders are paid in the cash asset, on the ledger of that.
    """

    bond_id: str
    name: str
    issuer: str
    token_ledger: str
    token_code: str
    token_issuer: str
    cash_ledger: str
    cash_code: str
    cash_issuer: str
    currency: str
    decimals: int
    notional: Decimal
    rate: Decimal
    day_count: str
    cycle: str
    business_days: str
    calendar: str
    start_date: date
    maturity_date: date
    grace_days: int
    cure_days: int
    terms: str
    terms_hash: str
    created_by: str
    created_at: datetime
    state: str
    structure: str | None = None
    structure_hash: str | None = None


class FeeRow(NamedTuple):
    """A fee that is due in each period, and who gets it at which account."""

    fee_id: str
    amount: Decimal
    party: str
    address: str


class SeriesRow(NamedTuple):
    """A series of tranches."""

    series_id: str
    notional: Decimal


class TrancheRow(NamedTuple):
    """A tranche. `class_name`: senior, mezzanine or subordinated; `repayment`: bullet, linear or annuity."""

    tranche_id: str
    series_id: str
    class_name: str
    notional: Decimal
    rate: Decimal
    day_count: str
    repayment: str


class HoldingRow(NamedTuple):
    """What a party holds of a tranche, or (None) of the equity: units, and the account at which it is paid."""

    tranche_id: str | None
    holder: str
    units: Decimal
    address: str


class HoldingChangeRow(NamedTuple):
    """A change of what a party holds, from `record_date` on; None of it and of the proposal: by the structure."""

    tranche_id: str | None
    holder: str
    units: Decimal
    address: str
    record_date: date | None
    proposal_id: UUID | None
    changed_by: str
    changed_at: datetime


class BondEventRow(NamedTuple):
    """A step of a bond with its event of the audit log: `type` is the event's there. `ledger_date`: the close time by
    which a clock judged it, None for steps that no clock takes."""

    bond_id: str
    audit_seq: int
    type: str
    event: str
    from_state: str
    to_state: str
    reason: str
    actor: str
    ledger_date: datetime | None
    proposal_id: UUID | None
    details: dict[str, Any]
    recorded_at: datetime | None = None


def add_bond(connection: Connection, new: BondRow) -> bool:
    """Keep a bond; False where there is one with its id."""
    places = ", ".join(["%s"] * len(BondRow._fields))
    query = f"insert into treasury.bond ({columns(BondRow._fields)}) values ({places}) on conflict do nothing"
    return connection.execute(query, new).rowcount == 1  # pyright: ignore[reportArgumentType]  # places alone


def bond(connection: Connection, bond_id: str, *, for_step: bool = False) -> BondRow | None:
    """A bond; `for_step` holds it until the transaction ends. None for a text that no database can hold."""
    if "\x00" in bond_id:
        return None
    query = f"select {columns(BondRow._fields)} from treasury.bond where bond_id = %s"
    with connection.cursor(row_factory=args_row(BondRow)) as cursor:
        return cursor.execute(f"{query} for update" if for_step else query, [bond_id]).fetchone()


def bonds(connection: Connection, states: Sequence[str] | None = None) -> list[BondRow]:
    """Bonds in some states, or all, the newest first."""
    with connection.cursor(row_factory=args_row(BondRow)) as cursor:
        return cursor.execute(
            f"""select {columns(BondRow._fields)} from treasury.bond
            where %(states)s::text[] is null or state = any(%(states)s) order by created_at desc, bond_id""",
            {"states": None if states is None else [*states]},
        ).fetchall()


def move_bond(connection: Connection, bond_id: str, state: str, to: str) -> bool:
    """Take a bond from one state to another; False where it is not in that state."""
    return (
        connection.execute(
            """update treasury.bond set state = %s, updated_at = clock_timestamp()
            where bond_id = %s and state = %s""",
            [to, bond_id, state],
        ).rowcount
        == 1
    )


def set_structure(connection: Connection, bond_id: str, state: str, to: str, structure: str, digest: str) -> bool:
    """Take a bond to the state in which it has a structure; False where it is not in `state`, or has one."""
    return (
        connection.execute(
            """update treasury.bond set state = %s, structure = %s, structure_hash = %s, updated_at = clock_timestamp()
            where bond_id = %s and state = %s and structure is null""",
            [to, structure, digest, bond_id, state],
        ).rowcount
        == 1
    )


def add_fees(connection: Connection, bond_id: str, rows: Iterable[FeeRow]) -> None:
    """Keep the fees of a bond."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into treasury.bond_fee (bond_id, {columns(FeeRow._fields)}) values (%s, %s, %s, %s, %s)",
            [(bond_id, *row) for row in rows],
        )


def fees_of(connection: Connection, bond_id: str) -> list[FeeRow]:
    """The fees of a bond, by id."""
    with connection.cursor(row_factory=args_row(FeeRow)) as cursor:
        return cursor.execute(
            f"select {columns(FeeRow._fields)} from treasury.bond_fee where bond_id = %s order by fee_id", [bond_id]
        ).fetchall()


def add_series(connection: Connection, bond_id: str, rows: Iterable[SeriesRow]) -> None:
    """Keep the series of a bond."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"insert into treasury.bond_series (bond_id, {columns(SeriesRow._fields)}) values (%s, %s, %s)",
            [(bond_id, *row) for row in rows],
        )


def series_of(connection: Connection, bond_id: str) -> list[SeriesRow]:
    """The series of a bond, by id."""
    with connection.cursor(row_factory=args_row(SeriesRow)) as cursor:
        return cursor.execute(
            f"select {columns(SeriesRow._fields)} from treasury.bond_series where bond_id = %s order by series_id",
            [bond_id],
        ).fetchall()


def add_tranches(connection: Connection, bond_id: str, rows: Iterable[TrancheRow]) -> None:
    """Keep the tranches of a bond."""
    with connection.cursor() as cursor:
        cursor.executemany(
            """insert into treasury.bond_tranche
            (bond_id, tranche_id, series_id, class, notional, rate, day_count, repayment)
            values (%s, %s, %s, %s, %s, %s, %s, %s)""",
            [(bond_id, *row) for row in rows],
        )


def tranches_of(connection: Connection, bond_id: str) -> list[TrancheRow]:
    """The tranches of a bond: senior first, then by id."""
    with connection.cursor(row_factory=args_row(TrancheRow)) as cursor:
        return cursor.execute(
            """select tranche_id, series_id, class, notional, rate, day_count, repayment from treasury.bond_tranche
            where bond_id = %s
            order by array_position(array['senior', 'mezzanine', 'subordinated'], class), tranche_id collate "C\"""",
            [bond_id],
        ).fetchall()


def add_holdings(
    connection: Connection,
    bond_id: str,
    rows: Iterable[HoldingRow],
    by: str,
    now: datetime,
    record_date: date | None = None,
    proposal_id: UUID | None = None,
) -> None:
    """Keep changes of holdings: more units, or negative ones, of each row's holder, from `record_date` on. Whoever
    takes units away holds the bond, and has looked how many there are."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into treasury.bond_holding (bond_id, {columns(HoldingRow._fields)}, changed_by, changed_at,
                record_date, proposal_id) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            [(bond_id, *row, by, now, record_date, proposal_id) for row in rows],
        )


def holders_of(connection: Connection, bond_id: str, on: date | None = None) -> list[HoldingRow]:
    """Who holds units of a bond at the end of a day, None: after all changes; by tranche, the equity last, and by
    holder. The rule is that of `bonds.register`."""
    with connection.cursor(row_factory=args_row(HoldingRow)) as cursor:
        return cursor.execute(
            """select tranche_id, holder, sum(units), (array_agg(address order by record_date desc nulls last,
                holding_id desc) filter (where units > 0))[1]
            from treasury.bond_holding
            where bond_id = %(bond)s and (%(on)s::date is null or record_date is null or record_date <= %(on)s)
            group by tranche_id, holder having sum(units) <> 0
            order by tranche_id collate "C" nulls last, holder collate "C\"""",
            {"bond": bond_id, "on": on},
        ).fetchall()


def holding_changes(connection: Connection, bond_id: str) -> list[HoldingChangeRow]:
    """Every change of who holds a bond, in the order in which they were made."""
    with connection.cursor(row_factory=args_row(HoldingChangeRow)) as cursor:
        return cursor.execute(
            f"""select {columns(HoldingChangeRow._fields)} from treasury.bond_holding where bond_id = %s
            order by holding_id""",
            [bond_id],
        ).fetchall()


def add_bond_event(connection: Connection, row: BondEventRow) -> None:
    """Keep a step, in the transaction of its event in the audit log."""
    connection.execute(
        """insert into treasury.bond_event (bond_id, audit_seq, type, event, from_state, to_state, reason, actor,
            ledger_date, proposal_id, details) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [*row[:10], Jsonb(row.details)],
    )


def bond_events(connection: Connection, bond_id: str) -> list[BondEventRow]:
    """The steps of a bond, in the order of the audit log."""
    with connection.cursor(row_factory=args_row(BondEventRow)) as cursor:
        return cursor.execute(
            f"select {columns(BondEventRow._fields)} from treasury.bond_event where bond_id = %s order by audit_seq",
            [bond_id],
        ).fetchall()


def add_bond_proposal(connection: Connection, proposal_id: UUID, bond_id: str, event: str) -> None:
    """Keep that the approval of a proposal takes a step of a bond."""
    connection.execute(
        "insert into treasury.bond_proposal (proposal_id, bond_id, event) values (%s, %s, %s)",
        [proposal_id, bond_id, event],
    )


def bond_proposals(connection: Connection, bond_id: str) -> list[tuple[UUID, str, str]]:
    """The proposals for steps of a bond, the newest first: id, the step's event, and the proposal's state."""
    return connection.execute(
        """select proposal_id, own.event, proposal.state from treasury.bond_proposal as own
        join treasury.proposal as proposal using (proposal_id)
        where bond_id = %s order by proposal.nonce desc""",
        [bond_id],
    ).fetchall()
