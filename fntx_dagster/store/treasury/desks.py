"""The account that trades on the XRP Ledger: its limits and risk state, what it went through, and what it traded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value


class DeskRow(NamedTuple):
    """A desk. `limits` as they were approved; `equity_start` and `equity` in the quote currency, None where nobody has
    looked yet; deposits and withdrawals count after the ledger `flows_from`; every transaction up to `read_to` is
    read. `prices`: `CODE:ISSUER` → the last one that the ledger had, as text."""

    account: str
    network: str
    quote_code: str
    quote_issuer: str
    limits: dict[str, Any]
    live_proposal: UUID
    state: str = "active"
    reason: str = ""
    day: date | None = None
    equity_start: Decimal | None = None
    equity: Decimal | None = None
    flows_from: int = 0
    read_to: int = 0
    prices: dict[str, str] = {}  # noqa: RUF012 - no row changes it


class DeskEventRow(NamedTuple):
    """Something that a desk went through, and its state from then on."""

    account: str
    event: str
    state: str
    reason: str
    equity_start: Decimal | None
    equity: Decimal | None
    loss_pct: Decimal | None
    ledger_index: int | None
    by: str
    proposal_id: UUID | None = None


class DeskMoveRow(NamedTuple):
    """What a validated transaction moved: `name` names it within its transaction. `entry_no` is that of the book."""

    account: str
    tx_hash: str
    name: str
    kind: str
    ledger_index: int
    position: int
    at: datetime
    got_code: str | None = None
    got_issuer: str | None = None
    got: Decimal | None = None
    gave_code: str | None = None
    gave_issuer: str | None = None
    gave: Decimal | None = None
    own_sequence: int | None = None
    is_maker: bool | None = None
    strategy_id: UUID | None = None
    slice_n: int | None = None
    entry_no: int | None = None


def desk(connection: Connection, account: str, *, for_step: bool = False, shared: bool = False) -> DeskRow | None:
    """A desk; `for_step` holds it until the transaction ends, `shared` keeps others from changing it until then. None
    before anybody approved that it trades."""
    query = f"select {columns(DeskRow._fields)} from treasury.desk where account = %s"
    held = f"{query} for update" if for_step else f"{query} for share"
    with connection.cursor(row_factory=args_row(DeskRow)) as cursor:
        return cursor.execute(held if for_step or shared else query, [account]).fetchone()


def desks(connection: Connection) -> list[DeskRow]:
    """Every desk."""
    with connection.cursor(row_factory=args_row(DeskRow)) as cursor:
        return cursor.execute(f"select {columns(DeskRow._fields)} from treasury.desk order by account").fetchall()


def keep_desk(connection: Connection, row: DeskRow) -> None:
    """Make a desk, or keep how it stands now."""
    connection.execute(
        f"""insert into treasury.desk ({columns(DeskRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        on conflict (account) do update set quote_code = excluded.quote_code, quote_issuer = excluded.quote_issuer,
            limits = excluded.limits, live_proposal = excluded.live_proposal, state = excluded.state,
            reason = excluded.reason, day = excluded.day, equity_start = excluded.equity_start,
            equity = excluded.equity, flows_from = excluded.flows_from, read_to = excluded.read_to,
            prices = excluded.prices, updated_at = clock_timestamp()""",
        row._replace(limits=Jsonb(row.limits), prices=Jsonb(row.prices)),
    )


def add_desk_event(connection: Connection, new: DeskEventRow) -> None:
    """Keep what a desk went through."""
    connection.execute(
        f"""insert into treasury.desk_event ({columns(DeskEventRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        new,
    )


def desk_events(connection: Connection, account: str, most: int = 50) -> list[Mapping[str, Any]]:
    """What a desk went through, the newest first."""
    rows = connection.execute(
        f"""select {columns(DeskEventRow._fields)}, at from treasury.desk_event where account = %s
        order by event_no desc limit %s""",
        [account, most],
    )
    return [dict(zip((*DeskEventRow._fields, "at"), row, strict=True)) for row in rows]


def add_moves(connection: Connection, rows: Sequence[DeskMoveRow]) -> None:
    """Keep what transactions moved. One that is there already is an error: whoever reads holds the desk."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into treasury.desk_move ({columns(DeskMoveRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            rows,
        )


def moves(connection: Connection, account: str, after: int, kinds: Sequence[str]) -> list[DeskMoveRow]:
    """What was moved after a ledger, of some kinds, in the ledger's order."""
    with connection.cursor(row_factory=args_row(DeskMoveRow)) as cursor:
        return cursor.execute(
            f"""select {columns(DeskMoveRow._fields)} from treasury.desk_move
            where account = %s and ledger_index > %s and kind = any(%s) order by ledger_index, position, name""",
            [account, after, list(kinds)],
        ).fetchall()


def newest_moves(connection: Connection, account: str, kinds: Sequence[str], most: int) -> list[DeskMoveRow]:
    """The newest of what was moved, of some kinds, the newest first."""
    with connection.cursor(row_factory=args_row(DeskMoveRow)) as cursor:
        return cursor.execute(
            f"""select {columns(DeskMoveRow._fields)} from treasury.desk_move
            where account = %s and kind = any(%s) order by ledger_index desc, position desc, name limit %s""",
            [account, list(kinds), most],
        ).fetchall()


def moves_since(connection: Connection, account: str, since: datetime, kinds: Sequence[str]) -> list[DeskMoveRow]:
    """What was moved from a moment of the ledger's time on, of some kinds."""
    first = one_value(
        connection.execute(
            "select min(ledger_index) - 1 from treasury.desk_move where account = %s and at >= %s", [account, since]
        )
    )
    return [] if first is None else moves(connection, account, first, kinds)
