"""The margin that IB Gateway said of a session, and the cash that a statement gives at its close."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fntx_dagster.model.account_risk import MarginState
from fntx_dagster.model.period import Period
from fntx_dagster.model.snapshot import from_json
from fntx_dagster.store.database import Readable


def margins(db: Readable, account: str, period: Period) -> list[MarginState]:
    """The last state of each session of a range on which the gateway was asked, oldest first."""
    with db.connect() as connection:
        rows = connection.execute(
            """select trading_day, snapshot from alm_reporting.current_days
            where account_id = %s and trading_day between %s and %s order by trading_day""",
            (account, *period),
        ).fetchall()
    return [_state(day, snapshot) for day, snapshot in rows]


def closing_cash(db: Readable, account: str, day: date) -> Decimal | None:
    """The account's cash at a session's close in base currency, by the Equity Summary; None where no statement gives
    it."""
    with db.connect() as connection:
        row = connection.execute(
            """select cash from raw_flex.equity_summary
            where account_id = %s and report_date = %s and withdrawn_at is null
                and currency is distinct from 'BASE_SUMMARY'
            order by row_date = report_date desc, row_date limit 1""",
            (account, day),
        ).fetchone()
    return row[0] if row else None


def _state(day: date, stored: dict) -> MarginState:
    seen = from_json(stored)
    return MarginState(
        day,
        seen.as_of,
        seen.currency,
        seen.nav,
        seen.initial_margin,
        seen.maintenance_margin,
        seen.excess_liquidity,
        seen.buying_power,
    )
