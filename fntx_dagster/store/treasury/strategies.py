"""Strategies of a desk and their slices; profiles of volume by the hour of the day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class StrategyRow(NamedTuple):
    """A strategy: so much of the base, from `starts_at` until `ends_at`, its slices asked for `batch` at a time."""

    strategy_id: UUID
    account: str
    kind: str
    side: str
    base_code: str
    base_issuer: str
    quote_code: str
    quote_issuer: str
    quantity: Decimal
    decimals: int
    limit_price: Decimal | None
    starts_at: datetime
    ends_at: datetime
    batch: int
    profile_hash: str | None
    state: str
    reason: str
    started_by: str


class SliceRow(NamedTuple):
    """A slice. `asked`: what its offer may trade at most, at `price`; `batch_id`: the proposal that people decide on;
    `proposal_id`: the one of its own transaction; `words`: why it does not go out now."""

    strategy_id: UUID
    n: int
    at: datetime
    ends_at: datetime
    planned: Decimal
    state: str = "planned"
    asked: Decimal | None = None
    price: Decimal | None = None
    batch_id: UUID | None = None
    proposal_id: UUID | None = None
    filled: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    words: str = ""


class ProfileRow(NamedTuple):
    """A profile of volume: `hours` of the base asset by the hour of the day (UTC), from 0 on."""

    hash: str
    base_code: str
    base_issuer: str
    quote_code: str
    quote_issuer: str
    first_at: datetime
    last_at: datetime
    hours: list[Decimal]
    source: str


def add_strategy(connection: Connection, new: StrategyRow, slices: Sequence[SliceRow]) -> None:
    """Keep a strategy with its slices."""
    connection.execute(
        f"""insert into treasury.strategy ({columns(StrategyRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        new,
    )
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""insert into treasury.strategy_slice ({columns(SliceRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
            slices,
        )


def strategies(connection: Connection, account: str, states: Sequence[str] | None = None) -> list[StrategyRow]:
    """The strategies of a desk, in some states or all, the oldest first."""
    with connection.cursor(row_factory=args_row(StrategyRow)) as cursor:
        return cursor.execute(
            f"""select {columns(StrategyRow._fields)} from treasury.strategy
            where account = %s and (%s::text[] is null or state = any(%s)) order by created_at, strategy_id""",
            [account, states and list(states), states and list(states)],
        ).fetchall()


def strategy(connection: Connection, strategy_id: UUID) -> StrategyRow | None:
    """A strategy."""
    with connection.cursor(row_factory=args_row(StrategyRow)) as cursor:
        return cursor.execute(
            f"select {columns(StrategyRow._fields)} from treasury.strategy where strategy_id = %s", [strategy_id]
        ).fetchone()


def slices_of(connection: Connection, strategy_id: UUID) -> list[SliceRow]:
    """The slices of a strategy, by time."""
    with connection.cursor(row_factory=args_row(SliceRow)) as cursor:
        return cursor.execute(
            f"select {columns(SliceRow._fields)} from treasury.strategy_slice where strategy_id = %s order by n",
            [strategy_id],
        ).fetchall()


def slices_of_batch(connection: Connection, batch_id: UUID) -> list[SliceRow]:
    """The slices that a batch asks for, those too whose time is over, in the order of its orders."""
    with connection.cursor(row_factory=args_row(SliceRow)) as cursor:
        return cursor.execute(
            f"select {columns(SliceRow._fields)} from treasury.strategy_slice where batch_id = %s order by n",
            [batch_id],
        ).fetchall()


def slices_asked(connection: Connection, account: str) -> list[tuple[StrategyRow, SliceRow]]:
    """The slices of a desk whose offers may still trade, each with its strategy."""
    own, of = columns(SliceRow._fields, "own"), columns(StrategyRow._fields, "of")
    rows = connection.execute(
        f"""select {of}, {own} from treasury.strategy_slice as own
        join treasury.strategy as of using (strategy_id) where of.account = %s and own.state = 'asked'
        order by own.at, own.strategy_id, own.n""",
        [account],
    )
    many = len(StrategyRow._fields)
    return [(StrategyRow(*row[:many]), SliceRow(*row[many:])) for row in rows]


def slice_of_turn(connection: Connection, account: str, number: int) -> SliceRow | None:
    """The slice whose transaction has a sequence or a ticket of an account."""
    own = columns(SliceRow._fields, "own")
    with connection.cursor(row_factory=args_row(SliceRow)) as cursor:
        return cursor.execute(
            f"""select {own} from treasury.strategy_slice as own
            join treasury.ledger_tx as tx on tx.proposal_id = own.proposal_id
            where tx.ledger = 'xrpl' and tx.account = %s and coalesce(tx.sequence, tx.ticket) = %s
            order by tx.prepared_at desc limit 1""",
            [account, number],
        ).fetchone()


def is_of_strategy(connection: Connection, proposal_id: UUID) -> bool:
    """Whether a proposal is of the transaction of a slice, or of a batch of them."""
    found = connection.execute(
        "select from treasury.strategy_slice where %s in (proposal_id, batch_id) limit 1", [proposal_id]
    )
    return found.fetchone() is not None


def keep_slice(connection: Connection, row: SliceRow) -> None:
    """Keep how a slice stands now."""
    connection.execute(
        """update treasury.strategy_slice set state = %s, asked = %s, price = %s, batch_id = %s, proposal_id = %s,
            filled = %s, paid = %s, words = %s where strategy_id = %s and n = %s""",
        [*row[5:], row.strategy_id, row.n],
    )


def move_strategy(connection: Connection, strategy_id: UUID, state: str, reason: str) -> None:
    """Take a strategy to another state."""
    connection.execute(
        "update treasury.strategy set state = %s, reason = %s where strategy_id = %s", [state, reason, strategy_id]
    )


def add_profile(connection: Connection, new: ProfileRow) -> bool:
    """Keep a profile; False where it is there already."""
    return (
        connection.execute(
            f"""insert into treasury.volume_profile ({columns(ProfileRow._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing""",
            new,
        ).rowcount
        == 1
    )


def profile(connection: Connection, digest: str) -> ProfileRow | None:
    """A profile by its hash."""
    with connection.cursor(row_factory=args_row(ProfileRow)) as cursor:
        return cursor.execute(
            f"select {columns(ProfileRow._fields)} from treasury.volume_profile where hash = %s", [digest]
        ).fetchone()


def newest_profile(connection: Connection, pair: Sequence[str]) -> ProfileRow | None:
    """The newest profile of a market: code and issuer of the base, code and issuer of the quote currency."""
    with connection.cursor(row_factory=args_row(ProfileRow)) as cursor:
        return cursor.execute(
            f"""select {columns(ProfileRow._fields)} from treasury.volume_profile
            where (base_code, base_issuer, quote_code, quote_issuer) = (%s, %s, %s, %s)
            order by made_at desc, hash limit 1""",
            list(pair),
        ).fetchone()


def profiled_pairs(connection: Connection) -> list[tuple[str, str, str, str]]:
    """The markets that a strategy ever traded, or that have a profile."""
    rows = connection.execute(
        """select base_code, base_issuer, quote_code, quote_issuer from treasury.strategy
        union select base_code, base_issuer, quote_code, quote_issuer from treasury.volume_profile
        order by 1, 2, 3, 4"""
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
