"""Performance over windows: the rows of `rolling_metrics`, and the NAVs that they are computed from."""

from __future__ import annotations

from datetime import date
from typing import Any

from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import mart_rows, reading

METRIC_WINDOWS = ("30d", "30obs", "mtd", "qtd", "ytd", "1y", "5y", "all")
"""The windows of rolling_metrics, in the order in which people and programs read them."""


def rolling_metrics(db: Readable, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of rolling_metrics, ordered by account, day and METRIC_WINDOWS, as dicts with the table's columns."""
    rows = mart_rows(db, "select * from alm_reporting.rolling_metrics", period, account)
    place = {window: number for number, window in enumerate(METRIC_WINDOWS)}
    return sorted(rows, key=lambda row: (row["account_id"], row["trading_day"], place[row["metric_window"]]))


def nav_history(db: Readable, account: str, last: date, newest: int | None = None) -> list[NavDay]:
    """The official NAVs and flows of every session up to `last`, oldest first, in base currency; with `newest` those
    of so many sessions alone."""
    with reading(db) as connection:
        rows = connection.execute(
            """select trading_day, opening_nav_official, closing_nav_official, deposits, withdrawals
            from alm_reporting.daily_summary where account_id = %s and trading_day <= %s
            order by trading_day desc limit %s""",
            (account, last, newest),
        ).fetchall()
        return [NavDay._make(row) for row in reversed(rows)]


def nav_days(db: Readable, account: str, period: Period) -> list[NavDay]:
    """The same of the sessions of a range."""
    with reading(db) as connection:
        rows = connection.execute(
            """select trading_day, opening_nav_official, closing_nav_official, deposits, withdrawals
            from alm_reporting.daily_summary where account_id = %s and trading_day between %s and %s
            order by trading_day""",
            (account, *period),
        )
        return [NavDay._make(row) for row in rows]
