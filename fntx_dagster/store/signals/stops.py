"""The open executions that have a stop or a target."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Readable


class GuardedExecution(NamedTuple):
    """An open execution with a stop or a target, and the market whose price may reach it."""

    signal_execution_id: int
    strategy_code: str
    unique_id: str
    signal_type: str
    token: str
    strike_price_token: str
    is_paper: bool
    exchange: str
    market: str
    entry_time: datetime
    stop_loss: Decimal | None
    target: Decimal | None


def guarded(db: Readable, code: str | None = None, token: str | None = None) -> list[GuardedExecution]:
    """Those of a strategy, or of all; of what a token names, or of all; oldest first."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(GuardedExecution)) as cursor:
        return cursor.execute(
            """select signal_execution_id, strategy_code, unique_id, signal_type, execution.token, strike_price_token,
                is_paper, exchange, market, entry_time, stop_loss, target
            from ledger.signal_executions as execution join ledger.instruments using (instrument_id)
            where status in ('OPEN', 'CLOSING') and (stop_loss is not null or target is not null)
                and (%(code)s::text is null or strategy_code = %(code)s)
                and (%(token)s::text is null or strike_price_token = %(token)s)
            order by signal_execution_id""",
            {"code": code, "token": token},
        ).fetchall()
