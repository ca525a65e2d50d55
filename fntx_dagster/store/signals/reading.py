"""What is read of executions: the positions that are open, the newest prices of them, and what a strategy's figures are
made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns, one_row

Market = tuple[str, str, str]
"""A user of the ledger, an exchange, and a symbol at it."""


class HeldShare(NamedTuple):
    """What a participant still holds of an execution. Quantities in units; `money_in`: what all of `qty` was entered
    for."""

    signal_execution_id: int
    strategy_code: str
    accounts: str
    user_id: str
    symbol: str
    underlying: str | None
    exchange: str
    market: str
    currency: str
    signal_type: str
    entry_time: datetime
    qty: Decimal
    closed_qty: Decimal
    money_in: Decimal


class Chosen(NamedTuple):
    """Which executions of a strategy count: of a symbol or all; from `start` on and before `end`."""

    strategy_code: str
    is_paper: bool
    symbol: str | None
    start: datetime | None
    end: datetime | None


class SignalCounts(NamedTuple):
    """Signals that were entered: all, those that something was filled of, that failed, that are open; quantities."""

    signals: int
    executed: int
    failed: int
    open: int
    requested_qty: Decimal
    filled_qty: Decimal


class EndedTrade(NamedTuple):
    """A trade with what it was entered for; no signal's price is known of one that was migrated."""

    trade_id: int
    signal_execution_id: int
    symbol: str
    exchange: str
    market: str
    signal_type: str
    entry_time: datetime
    exit_time: datetime
    holding_time: int
    total_pnl: Decimal
    fees_total: Decimal
    total_qty: Decimal
    entry_money: Decimal
    reference_price: Decimal | None


class EndedExit(NamedTuple):
    """An exit that closed something, as it is measured."""

    signal_execution_id: int
    at: datetime
    reason: str
    qty: Decimal
    money: Decimal
    pnl: Decimal
    reference_price: Decimal | None


class UserSums(NamedTuple):
    """What a participant has of the signals: how many he was in and got something of, reasons where he got nothing,
    and his P&L and fees of those that ended."""

    user_id: str
    signals: int
    taken: int
    missed: dict[str, int]
    pnl: Decimal
    fees: Decimal


def held_shares(db: Readable, code: str | None, user_id: str | None, is_paper: bool) -> list[HeldShare]:
    """What is open of a strategy, or of all; of a participant, or of all; oldest execution first, in its order."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(HeldShare)) as cursor:
        return cursor.execute(
            """select signal_execution_id, strategy_code, accounts, user_id, symbol, underlying, exchange, market,
                currency, signal_type, entry_time, share.qty, share.closed_qty, share.money_in
            from ledger.signal_executions as execution
                join ledger.instruments using (instrument_id)
                join ledger.user_signal_allocations as share using (signal_execution_id)
            where execution.status in ('PENDING', 'OPEN', 'CLOSING') and share.closed_qty < share.qty
                and is_paper = %(is_paper)s
                and (%(code)s::text is null or strategy_code = %(code)s)
                and (%(user)s::text is null or user_id = %(user)s)
            order by signal_execution_id, place""",
            {"code": code, "user": user_id, "is_paper": is_paper},
        ).fetchall()


def newest_quotes(db: Readable, markets: Collection[Market], is_paper: bool) -> dict[Market, Quote]:
    """The newest quote of each market that has one: what the user's book took last, or the price feed, if newer."""
    with db.connect() as connection:
        rows = connection.execute(
            """with asked as (
                select * from unnest(%(users)s::text[], %(exchanges)s::text[], %(symbols)s::text[])
                    as asked (user_id, exchange, symbol)
            )
            select distinct on (user_id, exchange, symbol) user_id, exchange, symbol, bid, ask, bid_size, ask_size, at
            from (
                select asked.*, bid, ask, bid_size, ask_size, at
                from asked join ledger.books on books.user_id = asked.user_id and is_paper = %(is_paper)s
                    join ledger.quotes using (book_id, exchange, symbol)
                union all
                select asked.*, bid, ask, bid_size, ask_size, at from asked join ledger.prices using (exchange, symbol)
            ) as known
            order by user_id, exchange, symbol, at desc""",
            {
                "users": [user_id for user_id, _, _ in markets],
                "exchanges": [exchange for _, exchange, _ in markets],
                "symbols": [symbol for _, _, symbol in markets],
                "is_paper": is_paper,
            },
        )
        return {
            (user_id, exchange, symbol): Quote._make(quote) for user_id, exchange, symbol, *quote in rows.fetchall()
        }


def counts(db: Readable, chosen: Chosen) -> SignalCounts:
    """The signals that were entered in the time."""
    with db.connect() as connection:
        row = one_row(
            connection.execute(
                f"""select count(*), count(*) filter (where total_qty > 0), count(*) filter (where status = 'FAILED'),
                    count(*) filter (where status in ('PENDING', 'OPEN', 'CLOSING')),
                    coalesce(sum(requested_qty), 0), coalesce(sum(total_qty), 0)
                from ledger.signal_executions join ledger.instruments using (instrument_id)
                where {_OF_THE_STRATEGY} and {_ENTERED}""",
                chosen._asdict(),
            )
        )
        return SignalCounts._make(row)


def trades(db: Readable, chosen: Chosen) -> list[EndedTrade]:
    """The trades that ended in the time, in that order."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(EndedTrade)) as cursor:
        return cursor.execute(
            f"""select trade_id, signal_execution_id, trade.symbol, exchange, market, execution.signal_type,
                trade.entry_time, trade.exit_time, holding_time, trade.total_pnl, trade.fees_total,
                execution.total_qty, entry_money, case when migrated_from is null then reference_price end
            from ledger.trades as trade join ledger.signal_executions as execution using (signal_execution_id)
                join ledger.instruments using (instrument_id)
            where {_TRADED} and {_ENDED}
            order by trade.exit_time, trade_id""",
            chosen._asdict(),
        ).fetchall()


def exits_of(db: Readable, numbers: Iterable[int]) -> dict[int, list[EndedExit]]:
    """Execution → its exits that closed something, oldest first."""
    found: dict[int, list[EndedExit]] = {}
    with db.connect() as connection, connection.cursor(row_factory=args_row(EndedExit)) as cursor:
        query = f"""select {columns(EndedExit._fields)} from ledger.signal_exits
            where signal_execution_id = any(%s) and qty > 0 order by signal_exit_id"""
        for each in cursor.execute(query, (list(numbers),)):
            found.setdefault(each.signal_execution_id, []).append(each)
    return found


def quotes_seen(
    db: Readable, user_id: str, is_paper: bool, start: datetime, end: datetime
) -> dict[tuple[str, str], list[tuple[datetime, Quote]]]:
    """Exchange and symbol → the quotes that a user's book took from `start` to `end`, and when, in order."""
    found: dict[tuple[str, str], list[tuple[datetime, Quote]]] = {}
    with db.connect() as connection:
        rows = connection.execute(
            """select exchange, symbol, observed_at, bid, ask, bid_size, ask_size, at
            from ledger.quote_history join ledger.books using (book_id)
            where user_id = %s and is_paper = %s and observed_at between %s and %s order by observed_at, quote_no""",
            (user_id, is_paper, start, end),
        )
        for exchange, symbol, observed_at, *quote in rows:
            found.setdefault((exchange, symbol), []).append((observed_at, Quote._make(quote)))
    return found


def participants(db: Readable, chosen: Chosen) -> int:
    """How many take part in the signals that were entered, or ended, in the time."""
    with db.connect() as connection:
        row = one_row(
            connection.execute(
                f"""select count(distinct user_id) from ({_COUNTED}) as counted
                    join ledger.user_signal_allocations using (signal_execution_id)""",
                chosen._asdict(),
            )
        )
        return row[0]


def user_sums(db: Readable, chosen: Chosen, user_id: str | None, after: str, limit: int) -> list[UserSums]:
    """What participants have of these signals: one of them, or those behind an id, so many at most, by id."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(UserSums)) as cursor:
        return cursor.execute(
            f"""select user_id, sum(signals)::int, sum(taken)::int,
                coalesce(jsonb_object_agg(reason, signals) filter (where reason is not null and signals > 0), '{{}}'),
                coalesce(sum(pnl), 0), coalesce(sum(fees), 0)
            from (
                select user_id, share.reason, count(*) filter (where entered) as signals,
                    count(*) filter (where entered and share.qty > 0) as taken,
                    sum(share.pnl) filter (where ended) as pnl, sum(entry_fee + exit_fee) filter (where ended) as fees
                from ({_COUNTED}) as counted join ledger.user_signal_allocations as share using (signal_execution_id)
                where user_id > %(after)s and (%(user)s::text is null or user_id = %(user)s)
                group by user_id, share.reason
            ) as reasons
            group by user_id order by user_id limit %(limit)s""",
            {**chosen._asdict(), "user": user_id, "after": after, "limit": limit},
        ).fetchall()


_OF_THE_STRATEGY = """strategy_code = %(strategy_code)s and is_paper = %(is_paper)s
    and (%(symbol)s::text is null or symbol = %(symbol)s)"""
_ENTERED = """created_at >= coalesce(%(start)s::timestamptz, created_at)
    and created_at < coalesce(%(end)s::timestamptz, 'infinity')"""
_ENDED = """trade.exit_time >= coalesce(%(start)s::timestamptz, trade.exit_time)
    and trade.exit_time < coalesce(%(end)s::timestamptz, 'infinity')"""
_TRADED = """trade.strategy_code = %(strategy_code)s and is_paper = %(is_paper)s
    and (%(symbol)s::text is null or trade.symbol = %(symbol)s)"""
_COUNTED = f"""
    select signal_execution_id, {_ENTERED} as entered, trade_id is not null and {_ENDED} as ended
    from ledger.signal_executions as execution join ledger.instruments using (instrument_id)
        left join (select signal_execution_id, trade_id, exit_time from ledger.trades) as trade
            using (signal_execution_id)
    where strategy_code = %(strategy_code)s and is_paper = %(is_paper)s
        and (%(symbol)s::text is null or symbol = %(symbol)s)
        and (({_ENTERED}) or (trade_id is not null and {_ENDED}))
"""
