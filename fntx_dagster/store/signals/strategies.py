"""Strategies, the instruments that they trade, who follows them, and who of those may not take part now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.model.signals import SignalInstrument, SignalStrategy, Wish
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns, one_value, text_array

_STRATEGY: tuple[str, ...] = ("strategy_code", "accounts", "currency", "capital", "expected_edge_bps", "commits")
_WISH = ("user_id", "qty", "fee_bps", "fee_fixed", "max_notional")


class KnownInstrument(NamedTuple):
    """An instrument as it is valid from a moment on, and its number."""

    instrument_id: int
    instrument: SignalInstrument


class Subscription(NamedTuple):
    """What a participant wishes of a strategy's signals, from when, and until when (None: it runs)."""

    strategy_code: str
    wish: Wish
    valid_from: datetime
    valid_to: datetime | None


def strategy(db: Readable, code: str) -> SignalStrategy | None:
    """A strategy; None where it is not known yet."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(SignalStrategy)) as cursor:
        query = f"select {columns(_STRATEGY)} from ledger.strategies where strategy_code = %s"
        return cursor.execute(query, (code,)).fetchone()


def strategies(db: Readable) -> list[SignalStrategy]:
    """All strategies, by code."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(SignalStrategy)) as cursor:
        return cursor.execute(f"select {columns(_STRATEGY)} from ledger.strategies order by 1").fetchall()


def strategies_behind(db: Readable, codes: Collection[str] | None, after: str, limit: int) -> list[SignalStrategy]:
    """Strategies behind a code, by code, of `codes` alone (None: of all), so many at most."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(SignalStrategy)) as cursor:
        return cursor.execute(
            f"""select {columns(_STRATEGY)} from ledger.strategies
            where strategy_code > %(after)s and (%(codes)s::text[] is null or strategy_code = any(%(codes)s))
            order by strategy_code limit %(limit)s""",
            {"after": after, "codes": None if codes is None else list(codes), "limit": limit},
        ).fetchall()


def keep_strategy(db: Database, given: SignalStrategy) -> None:
    """Store a strategy; one that is there already stays as it is."""
    with db.connect() as connection:
        connection.execute(
            f"""insert into ledger.strategies ({columns(_STRATEGY)}) values (%s, %s, %s, %s, %s, %s)
            on conflict do nothing""",
            given,
        )


def change_strategy(db: Database, given: SignalStrategy) -> bool:
    """Let a strategy trade this way from now on; an execution that is open goes on as it was entered. False where it
    has traded in another currency, and nothing is changed."""
    with db.connect() as connection:
        changed = connection.execute(
            """update ledger.strategies
            set accounts = %(accounts)s, currency = %(currency)s, capital = %(capital)s,
                expected_edge_bps = %(expected_edge_bps)s, commits = %(commits)s
            where strategy_code = %(code)s and (currency = %(currency)s or not exists (
                select from ledger.signal_executions where strategy_code = %(code)s))""",
            given._asdict(),
        )
        return bool(changed.rowcount)


def instrument(db: Readable, token: str, at: datetime) -> KnownInstrument | None:
    """What a token names at a moment; None where nobody said it by then."""
    with db.connect() as connection:
        return _named(connection, token, at)


def instrument_of(db: Readable, instrument_id: int) -> SignalInstrument:
    """The instrument with a number."""
    with db.connect() as connection:
        row = connection.execute(
            """select token, symbol, exchange, underlying, strike, option_type, expiry, lot_size
            from ledger.instruments where instrument_id = %s""",
            (instrument_id,),
        ).fetchone()
    assert row is not None
    return SignalInstrument(*row)


def add_instrument(db: Database, given: SignalInstrument, at: datetime) -> KnownInstrument:
    """The instrument as it is described, from this moment on, also where another description begins at it; one that is
    the same already stays as it is."""
    with db.connect() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"instrument {given.token}",))
        known = _named(connection, given.token, at)
        if known is not None and known.instrument == given:
            return known
        number = one_value(
            connection.execute(
                """insert into ledger.instruments
                    (token, symbol, exchange, underlying, strike, option_type, expiry, lot_size, valid_from)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning instrument_id""",
                (*given, at),
            )
        )
    return KnownInstrument(number, given)


def _named(connection: psycopg.Connection, token: str, at: datetime) -> KnownInstrument | None:
    row = connection.execute(
        """select instrument_id, token, symbol, exchange, underlying, strike, option_type, expiry, lot_size
        from ledger.instruments where token = %s and valid_from <= %s
        order by valid_from desc, instrument_id desc limit 1""",
        (token, at),
    ).fetchone()
    return None if row is None else KnownInstrument(row[0], SignalInstrument(*row[1:]))


def subscribed(connection: psycopg.Connection, code: str, at: datetime) -> list[Wish]:
    """Who follows a strategy at a moment, by id."""
    with connection.cursor(row_factory=args_row(Wish)) as cursor:
        return cursor.execute(
            f"""select {columns(_WISH)} from ledger.subscriptions
            where strategy_code = %s and valid_from <= %s and (valid_to is null or valid_to > %s)
            order by user_id collate "C" """,
            (code, at, at),
        ).fetchall()


def subscriptions(db: Readable, code: str | None) -> list[Subscription]:
    """All subscriptions of a strategy, or of all, those that ended too."""
    with db.connect() as connection:
        rows = connection.execute(
            f"""select strategy_code, {columns(_WISH)}, valid_from, valid_to from ledger.subscriptions
            where strategy_code = coalesce(%s, strategy_code)
            order by strategy_code, user_id collate "C", valid_from""",
            (code,),
        ).fetchall()
    return [Subscription(row[0], Wish(*row[1:6]), *row[6:]) for row in rows]


def subscribe(db: Database, code: str, wishes: Iterable[Wish], at: datetime) -> int:
    """Let participants follow a strategy with these wishes from a moment on; what they wished before ends then. How
    many are new or changed."""
    given = list(wishes)
    with db.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(
            """with ended as (
                update ledger.subscriptions set valid_to = greatest(valid_from, %(at)s)
                where strategy_code = %(code)s and user_id = %(user_id)s and valid_to is null
                    and (qty, fee_bps, fee_fixed, max_notional)
                        is distinct from (%(qty)s, %(fee_bps)s, %(fee_fixed)s, %(max_notional)s::numeric)
                returning user_id)
            insert into ledger.subscriptions
                (strategy_code, user_id, qty, fee_bps, fee_fixed, max_notional, valid_from)
            select %(code)s, %(user_id)s, %(qty)s, %(fee_bps)s, %(fee_fixed)s, %(max_notional)s, %(at)s
            where exists (select from ended) or not exists (select from ledger.subscriptions
                where strategy_code = %(code)s and user_id = %(user_id)s and valid_to is null)""",
            [{"code": code, "at": at, **wish._asdict()} for wish in given],
        )
        return cursor.rowcount


def unsubscribe(db: Database, code: str, users: Collection[str], at: datetime) -> list[str]:
    """Let participants follow a strategy no longer, from a moment on: those who did."""
    with db.connect() as connection:
        rows = connection.execute(
            """update ledger.subscriptions set valid_to = greatest(valid_from, %s)
            where strategy_code = %s and user_id = any(%s) and valid_to is null returning user_id""",
            (at, code, list(users)),
        ).fetchall()
    return sorted(row[0] for row in rows)


def barred(
    connection: psycopg.Connection,
    code: str,
    users: Collection[str],
    is_paper: bool,
    day: date,
    zone: str,
    daily_limit: int,
) -> dict[str, str]:
    """Which participants the ledger keeps out, and why. One who has no book there is asked nothing of.

    `breaker_tripped`: his own, or that of his bot of the strategy's name; `no_capital`: his book was never funded;
    `bot_daily_limit`: that bot's approved orders and his shares of the strategy's signals reach the limit of the
    trading day, which ends in `zone`.
    """
    rows = connection.execute(
        """
        with asked as materialized (
            select book_id, user_id from ledger.books where is_paper = %(is_paper)s and user_id = any(%(users)s::text[])
        )
        select user_id, case
            when exists (select from ledger.breakers where breakers.book_id = asked.book_id
                and bot_id in ('', %(code)s)) then 'breaker_tripped'
            when not exists (select from ledger.funds where funds.book_id = asked.book_id
                and bot_id = '' and high_units > 0) then 'no_capital'
            when coalesce((select used from ledger.approvals where approvals.book_id = asked.book_id
                    and bot_id = %(code)s and day = %(day)s), 0)
                + (select count(*) from ledger.user_signal_allocations as share
                    join ledger.signal_executions as execution using (signal_execution_id)
                    where share.user_id = asked.user_id and share.status in ('ACTIVE', 'CLOSED')
                        and execution.strategy_code = %(code)s
                        and (execution.entry_time at time zone %(zone)s)::date = %(day)s)
                >= %(limit)s then 'bot_daily_limit' end as reason
        from asked""",
        {
            "is_paper": is_paper,
            "users": text_array(users),
            "code": code,
            "day": day,
            "zone": zone,
            "limit": daily_limit,
        },
    ).fetchall()
    return {user_id: reason for user_id, reason in rows if reason is not None}


def settlement(db: Readable, token: str, expiry: date) -> Decimal | None:
    """The official settlement price of an instrument at its expiry; None where it is not known."""
    with db.connect() as connection:
        row = connection.execute(
            "select price from ledger.settlements where token = %s and expiry = %s", (token, expiry)
        ).fetchone()
    return row[0] if row else None


def add_settlement(db: Database, token: str, expiry: date, price: Decimal, source: str) -> Decimal:
    """Keep the official settlement price of an instrument; the one that is kept: the first stays."""
    with db.connect() as connection:
        connection.execute(
            """insert into ledger.settlements (token, expiry, price, source) values (%s, %s, %s, %s)
            on conflict do nothing""",
            (token, expiry, price, source),
        )
    kept = settlement(db, token, expiry)
    assert kept is not None
    return kept
