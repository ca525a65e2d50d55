"""The summary of each day: the rows of `daily_summary`, money in base currency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from fntx_dagster.model.difference import in_order
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import mart_rows, reading, rows_on
from fntx_dagster.store.queries import columns, one_row

SUMMARY_FIELDS = (
    "account_id",
    "trading_day",
    "base_currency",
    "opening_nav_official",
    "opening_nav_calculated",
    "closing_nav_official",
    "closing_nav_calculated",
    "deposits",
    "withdrawals",
    "gross_pnl",
    "commissions",
    "interest",
    "fees",
    "broker_residual",
    "net_pnl",
    "nav_change",
    "difference",
    "difference_parts",
    "unexplained",
    "unexplained_residual",
    "contracts_traded",
    "implied_turnover",
    "position_size_pct",
    "margin_used",
    "positions_expired",
    "positions_assigned",
    "positions_stopped",
)
"""The fields of a summary row, in the order in which programs read them; the names are the table's."""


def summary(db: Readable, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of daily_summary, ordered by account and day, as dicts with SUMMARY_FIELDS; parts and components as name →
    Decimal."""
    return [_read(row) for row in mart_rows(db, _SELECT, period, account)]


def summaries_on(db: Readable, days: Mapping[str, date]) -> dict[str, dict[str, Any]]:
    """Account → its row of its day, as `summary` gives it; without the accounts whose day is not built."""
    return {row["account_id"]: _read(row) for row in rows_on(db, _SELECT, days)}


def numbered_sessions(db: Readable, period: Period, account: str) -> dict[date, tuple[int, datetime]]:
    """Session → (its number since the account's first, its close in UTC), for the sessions that have a summary."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(
            """select trading_day, number, closes_at from (
                select account_id, trading_day, row_number() over (order by trading_day) as number
                from alm_reporting.daily_summary where account_id = %s and trading_day <= %s
            ) as built join alm_reporting.account_sessions using (account_id, trading_day)
            where trading_day >= %s""",
            (account, last, first),
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def first_session(db: Readable, account: str) -> date | None:
    """The first session of an account that has a summary; None where none has."""
    with reading(db) as connection:
        [day] = one_row(
            connection.execute(
                "select min(trading_day) from alm_reporting.daily_summary where account_id = %s", (account,)
            )
        )
        return day


def neighbours(db: Readable, account: str, day: date) -> tuple[date | None, date | None]:
    """The built sessions before and after a day."""
    with reading(db) as connection:
        return one_row(
            connection.execute(
                """select max(trading_day) filter (where trading_day < %(day)s),
                    min(trading_day) filter (where trading_day > %(day)s)
                from alm_reporting.daily_summary where account_id = %(account)s""",
                {"account": account, "day": day},
            )
        )


def session_of(db: Readable, account: str, day: date) -> date | None:
    """The built session that a day of a statement counts in: itself, or the one after it; None where there is none."""
    with reading(db) as connection:
        row = connection.execute(
            """select trading_day from alm_reporting.account_sessions
            join alm_reporting.daily_summary using (account_id, trading_day)
            where account_id = %(account)s and previous_day < %(day)s and trading_day >= %(day)s
            order by trading_day limit 1""",
            {"account": account, "day": day},
        ).fetchone()
        return row[0] if row else None


_SELECT = f"select {columns(SUMMARY_FIELDS)} from alm_reporting.daily_summary"


def _read(row: dict[str, Any]) -> dict[str, Any]:
    row["difference_parts"] = difference_parts(row["difference_parts"])
    row["nav_change"] = {name: Decimal(amount) for name, amount in (row["nav_change"] or {}).items()}
    return row


def difference_parts(stored: dict[str, str]) -> dict[str, Decimal]:
    """The named parts in the order of the narrative; jsonb keeps none."""
    return in_order({name: Decimal(amount) for name, amount in stored.items()})
