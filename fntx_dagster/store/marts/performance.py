"""Performance over windows: the rows of `rolling_metrics`, and the NAVs that they are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import mart_rows, reading, rows_on

_METRICS = "select * from alm_reporting.rolling_metrics"
METRIC_WINDOWS = ("30d", "30obs", "mtd", "qtd", "ytd", "1y", "5y", "all")
"""The windows of rolling_metrics, in the order in which people and programs read them."""


def rolling_metrics(db: Readable, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of rolling_metrics, ordered by account, day and METRIC_WINDOWS, as dicts with the table's columns."""
    rows = mart_rows(db, _METRICS, period, account)
    place = {window: number for number, window in enumerate(METRIC_WINDOWS)}
    return sorted(rows, key=lambda row: (row["account_id"], row["trading_day"], place[row["metric_window"]]))


def metrics_on(db: Readable, days: Mapping[str, date]) -> dict[str, dict[str, dict[str, Any]]]:
    """Account → window → its row of rolling_metrics of the account's day."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows_on(db, _METRICS, days):
        found.setdefault(row["account_id"], {})[row["metric_window"]] = row
    return found


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


def newest_navs(db: Readable, days: Mapping[str, date], newest: int) -> dict[str, list[NavDay]]:
    """Account → the same of its newest sessions up to its day, so many at most."""
    found: dict[str, list[NavDay]] = {account: [] for account in days}
    if days:
        with reading(db) as connection:
            rows = connection.execute(
                """select asked.account, navs.* from unnest(%s::text[], %s::date[]) as asked (account, day)
                cross join lateral (
                    select trading_day, opening_nav_official, closing_nav_official, deposits, withdrawals
                    from alm_reporting.daily_summary where account_id = account and trading_day <= day
                    order by trading_day desc limit %s) as navs
                order by trading_day""",
                (list(days), list(days.values()), newest),
            )
            for account, *nav in rows:
                found[account].append(NavDay._make(nav))
    return found


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
