"""What does not add up in the tables of signals, and what a strategy's book states of its shares."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import args_row

from fntx_dagster.ledger.exact import written
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_value


class SignalFault(NamedTuple):
    """What is wrong with an execution."""

    signal_execution_id: int
    strategy_code: str
    words: str


class StatedShares(NamedTuple):
    """What the last entry of a signal's shares states; `signal_execution_id`, `kept`: its execution and the entry that
    this one names, None where there is none."""

    entry_no: int
    body: dict[str, Any]
    signal_execution_id: int | None
    kept: int | None


def unsummed(db: Readable, code: str | None = None) -> Iterator[SignalFault]:
    """The executions of a strategy, or of all, whose allocations do not add up to them."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, strategy_code, sums.*, total_qty, exit_qty, total_pnl, fees_total,
                participants
            from ledger.signal_executions as execution cross join lateral (
                select coalesce(sum(qty), 0), coalesce(sum(closed_qty), 0), coalesce(sum(pnl), 0),
                    coalesce(sum(entry_fee + exit_fee), 0), count(*)
                from ledger.user_signal_allocations as share
                where share.signal_execution_id = execution.signal_execution_id
            ) as sums (qty, closed, pnl, fees, number)
            where (%(code)s::text is null or strategy_code = %(code)s)
                and (qty, closed, pnl, fees, number)
                    is distinct from (total_qty, exit_qty, total_pnl, fees_total, participants::bigint)
            order by signal_execution_id limit 100""",
            {"code": code},
        ).fetchall()
    for number, strategy, *amounts in rows:
        sums, stated = amounts[:5], amounts[5:]
        names = ("quantity", "closed", "P&L", "fees", "participants")
        wrong = [
            f"{name} {written(total)} of {written(said)}"
            for name, total, said in zip(names, sums, stated, strict=True)
            if total != said
        ]
        yield SignalFault(number, strategy, f"its allocations add up to {', '.join(wrong)}")


def untraded(db: Readable, code: str | None = None) -> Iterator[SignalFault]:
    """The closed executions without their trade, and trades of executions that are not closed."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, execution.strategy_code, status, trade_id
            from ledger.signal_executions as execution left join ledger.trades using (signal_execution_id)
            where (%(code)s::text is null or execution.strategy_code = %(code)s)
                and (status = 'CLOSED') <> (trade_id is not null)
            order by signal_execution_id limit 100""",
            {"code": code},
        ).fetchall()
    for number, strategy, status, trade_id in rows:
        words = "it is closed and has no trade" if trade_id is None else f"it is {status} and has the trade {trade_id}"
        yield SignalFault(number, strategy, words)


def differing_trades(db: Readable, code: str | None = None) -> Iterator[SignalFault]:
    """The trades that are not what their execution, and its exits, came to."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, execution.strategy_code, trade_id, trade.total_pnl, execution.total_pnl,
                made.pnl
            from ledger.trades as trade join ledger.signal_executions as execution using (signal_execution_id)
                left join (
                    select signal_execution_id, sum(pnl) as pnl, sum(qty) as qty from ledger.signal_exits group by 1
                ) as made using (signal_execution_id)
            where (%(code)s::text is null or execution.strategy_code = %(code)s)
                and ((trade.total_qty, trade.total_pnl, trade.fees_total, trade.net_pnl) is distinct from
                        (execution.total_qty, execution.total_pnl, execution.fees_total,
                            execution.total_pnl - execution.fees_total)
                    or coalesce(made.pnl, trade.total_pnl) <> trade.total_pnl
                    or coalesce(made.qty, trade.total_qty) <> trade.total_qty)
            order by signal_execution_id limit 100""",
            {"code": code},
        ).fetchall()
    for number, strategy, trade_id, stated, total, made in rows:
        words = f"the trade {trade_id} has a P&L of {written(stated)}, the execution {written(total)}"
        yield SignalFault(number, strategy, words if made is None else f"{words}, its exits {written(made)}")


def retold(db: Readable, code: str | None = None) -> Iterator[SignalFault]:
    """The trades that tell of their execution what it is not, and the exits whose money or fees are not its."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, execution.strategy_code, trade_id
            from ledger.trades as trade join ledger.signal_executions as execution using (signal_execution_id)
                join ledger.instruments as instrument using (instrument_id)
                cross join lateral (select sum(money) as money, sum(fees) as fees, max(at) filter (where qty > 0) as at
                    from ledger.signal_exits as step where step.signal_execution_id = trade.signal_execution_id) as made
                cross join lateral (select sum(entry_fee) as entry
                    from ledger.user_signal_allocations as share
                    where share.signal_execution_id = trade.signal_execution_id) as fees
            where (%(code)s::text is null or execution.strategy_code = %(code)s) and execution.migrated_from is null
                and ((trade.strategy_code, trade.symbol, trade.underlying, trade.strike_price, trade.option_type,
                        trade.signal_type, trade.currency, trade.entry_time, trade.exit_time, trade.exit_reason,
                        trade.exit_time, trade.holding_time, made.money, made.fees)
                    is distinct from (execution.strategy_code, instrument.symbol, instrument.underlying,
                        instrument.strike, instrument.option_type, execution.signal_type, execution.currency,
                        execution.entry_time, execution.exit_time, execution.exit_reason, made.at,
                        floor(extract(epoch from execution.exit_time - execution.entry_time) / 60)::bigint,
                        execution.exit_money, execution.fees_total - fees.entry)
                    or abs(trade.entry_price * trade.total_qty - execution.entry_money) > trade.total_qty * 1e-18
                    or abs(trade.exit_price * trade.total_qty - execution.exit_money) > trade.total_qty * 1e-18)
            order by signal_execution_id limit 100""",
            {"code": code},
        ).fetchall()
    for number, strategy, trade_id in rows:
        yield SignalFault(number, strategy, f"the trade {trade_id}, or the exits, tell of it what it is not")


def overdue(db: Readable, today: date) -> Iterator[SignalFault]:
    """The executions that something is open of although their instrument has expired before this day."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, strategy_code, symbol, expiry
            from ledger.signal_executions join ledger.instruments using (instrument_id)
            where status in ('PENDING', 'OPEN', 'CLOSING') and expiry < %s order by signal_execution_id""",
            (today,),
        ).fetchall()
    for number, strategy, symbol, expiry in rows:
        yield SignalFault(number, strategy, f"{symbol} expired on {expiry}, and it is open: it has no settlement price")


def unposted(db: Readable, book_id: int, code: str, is_paper: bool) -> Iterator[str]:
    """Where what a strategy's participants have by the postings of its book is not what their allocations add up to."""
    with db.connect() as connection:
        rows = connection.execute(
            """with posted as (
                select currency, sum(amount) as amount from ledger.postings
                where book_id = %(book)s and account = 'participants' group by currency
            ),
            held as (
                select market, case signal_type when 'BUY_ENTRY' then 1 else -1 end as sign,
                    coalesce(sum(qty - closed_qty), 0) as quantity, coalesce(sum(money_out - money_in), 0) as money
                from ledger.signal_executions as execution
                    join ledger.user_signal_allocations using (signal_execution_id)
                where strategy_code = %(code)s and is_paper = %(is_paper)s and shares_entry is not null
                group by market, signal_type
            ),
            allocated as (
                select currency, sum(amount) as amount from (
                    select split_part(market, '/', 1), sign * quantity from held
                    union all select substr(market, strpos(market, '/') + 1), sign * money from held
                ) as legs (currency, amount)
                group by currency
            )
            select currency, coalesce(posted.amount, 0), coalesce(allocated.amount, 0)
            from posted full join allocated using (currency)
            where coalesce(posted.amount, 0) <> coalesce(allocated.amount, 0) order by currency""",
            {"book": book_id, "code": code, "is_paper": is_paper},
        ).fetchall()
    for currency, posted, allocated in rows:
        words = f"the participants have {written(posted)} {currency} by the postings"
        yield f"{words}, and their allocations add up to {written(allocated)}"


def stated_shares(db: Readable, book_id: int) -> list[StatedShares]:
    """What the book states of the shares of each signal, the last entry of each, in order."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(StatedShares)) as cursor:
        return cursor.execute(
            """select entry_no, body, signal_execution_id, shares_entry
            from (
                select distinct on (body -> 'signal') entry_no, body from ledger.entries
                where book_id = %s and body ->> 'event_type' = 'signal_shares'
                order by body -> 'signal', entry_no desc
            ) as stated
            left join ledger.signal_executions on strategy_code = body -> 'signal' ->> 'strategy_code'
                and unique_id = body -> 'signal' ->> 'unique_id'
            order by entry_no""",
            (book_id,),
        ).fetchall()


def unstated(db: Readable, book_id: int, code: str, is_paper: bool) -> Iterator[str]:
    """The executions that name an entry of their shares which the book does not have."""
    with db.connect() as connection:
        rows = connection.execute(
            """select signal_execution_id, shares_entry from ledger.signal_executions
            where strategy_code = %s and is_paper = %s and shares_entry is not null and not exists (
                select from ledger.entries where book_id = %s and entry_no = shares_entry
                    and body ->> 'event_type' = 'signal_shares'
                    and body -> 'signal' ->> 'unique_id' = signal_executions.unique_id)
            order by signal_execution_id limit 100""",
            (code, is_paper, book_id),
        ).fetchall()
    for number, entry_no in rows:
        yield f"execution {number}: the entry {entry_no} states nothing of its shares"


def fees_paid(db: Readable, book_id: int, order_id: object) -> Decimal:
    """The exchange's fees of an order's fills."""
    with db.connect() as connection:
        return one_value(
            connection.execute(
                "select coalesce(sum(fee), 0) from ledger.fills where book_id = %s and order_id = %s",
                (book_id, order_id),
            )
        )


def named_in(db: Readable, signal_log_id: int | None) -> str | None:
    """The body of a message; None where it is not known."""
    with db.connect() as connection:
        row = connection.execute(
            "select body from ledger.signal_log where signal_log_id = %s", (signal_log_id,)
        ).fetchone()
        return row[0] if row else None
