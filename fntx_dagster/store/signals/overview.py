"""What is listed of signals: executions, the messages of the log, how many rows a strategy has, what has expired."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns, one_row


class ListedExecution(NamedTuple):
    """An execution in a list. Quantities in units; money in `currency`, of all fills of a side."""

    signal_execution_id: int
    strategy_code: str
    unique_id: str
    signal_type: str
    symbol: str
    expiry: date | None
    is_paper: bool
    currency: str
    status: str
    reason: str | None
    participants: int
    requested_qty: Decimal
    total_qty: Decimal
    entry_money: Decimal
    exit_qty: Decimal
    exit_money: Decimal
    total_pnl: Decimal
    fees_total: Decimal
    exit_reason: str | None
    entry_time: datetime | None
    exit_time: datetime | None


class LoggedSignal(NamedTuple):
    """A message of the log, and what became of it."""

    signal_log_id: int
    at: datetime
    direction: str
    strategy_code: str | None
    unique_id: str | None
    signal_type: str | None
    source: str
    outcome: str
    code: str | None
    duplicate_of: int | None


class SignalRows(NamedTuple):
    """How many rows a strategy has in each table."""

    signal_log: int
    signal_executions: int
    user_signal_allocations: int
    trades: int


class ExpiredExecution(NamedTuple):
    """An execution that something is open of though its instrument has expired; `price`: the official settlement
    price, where it is known."""

    signal_execution_id: int
    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str
    symbol: str
    expiry: date
    price: Decimal | None


def listed(db: Readable, code: str | None, limit: int) -> list[ListedExecution]:
    """The executions of a strategy, or of all, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(ListedExecution)) as cursor:
        return cursor.execute(
            f"""select {columns(ListedExecution._fields)}
            from ledger.signal_executions join ledger.instruments using (instrument_id)
            where strategy_code = coalesce(%s, strategy_code) order by signal_execution_id desc limit %s""",
            (code, limit),
        ).fetchall()


def logged(db: Readable, code: str | None, limit: int) -> list[LoggedSignal]:
    """The messages of a strategy, or of all, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(LoggedSignal)) as cursor:
        return cursor.execute(
            f"""select {columns(LoggedSignal._fields)} from ledger.signal_log
            where %(code)s::text is null or strategy_code = %(code)s order by signal_log_id desc limit %(limit)s""",
            {"code": code, "limit": limit},
        ).fetchall()


def rows_of(db: Readable, code: str) -> SignalRows:
    """How many rows a strategy has in each table."""
    with db.connect() as connection:
        row = one_row(
            connection.execute(
                """select (select count(*) from ledger.signal_log where strategy_code = %(code)s),
                    (select count(*) from ledger.signal_executions where strategy_code = %(code)s),
                    (select count(*) from ledger.user_signal_allocations join ledger.signal_executions
                        using (signal_execution_id) where strategy_code = %(code)s),
                    (select count(*) from ledger.trades where strategy_code = %(code)s)""",
                {"code": code},
            )
        )
        return SignalRows._make(row)


def expired(db: Readable, day: date) -> list[ExpiredExecution]:
    """What is open of instruments that expired on a day or before it, oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(ExpiredExecution)) as cursor:
        return cursor.execute(
            """select signal_execution_id, strategy_code, unique_id, signal_type, execution.token, strike_price_token,
                symbol, instruments.expiry, price
            from ledger.signal_executions as execution join ledger.instruments using (instrument_id)
                left join ledger.settlements
                    on settlements.token = strike_price_token and settlements.expiry = instruments.expiry
            where status in ('OPEN', 'CLOSING') and instruments.expiry <= %s order by signal_execution_id""",
            (day,),
        ).fetchall()
