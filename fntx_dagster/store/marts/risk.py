"""Greeks and risk at the close, as they are kept: `option_greeks`, `portfolio_greeks`."""

from __future__ import annotations

from datetime import date
from typing import Any

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import IN_RANGE, mart_rows, reading


def portfolio_risk(db: Readable, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of portfolio_greeks, ordered by account and day: sums of Greeks and value at risk, None where undefined,
    and `var_95_returns`, that of the account's own returns so far."""
    return mart_rows(
        db,
        """select * from (
            select risk.*, metrics.var_95 as var_95_returns from alm_reporting.portfolio_greeks as risk
            left join alm_reporting.rolling_metrics as metrics
                on metrics.account_id = risk.account_id and metrics.trading_day = risk.trading_day
                and metrics.metric_window = 'all'
        ) as risk""",
        period,
        account,
    )


def option_greeks(db: Readable, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of option_greeks, ordered by account, day, underlying, expiry and strike; Greeks per unit, None where
    undefined."""
    rows = mart_rows(db, "select * from alm_reporting.option_greeks", period, account)
    return sorted(
        rows,
        key=lambda row: (
            row["account_id"],
            row["trading_day"],
            row["underlying_symbol"] or "",
            row["expiry"] or date.max,
            row["strike"] or 0,
            row["put_call"] or "",
            row["contract_id"],
        ),
    )


def days_without_risk(db: Readable, period: Period, account: str | None = None) -> list[tuple[str, date]]:
    """(account, session) that have a summary and whose risk at the close was not computed since they were built."""
    first, last = period
    with reading(db) as connection:
        return connection.execute(
            f"""select account_id, trading_day from alm_reporting.daily_summary as summary
            where {IN_RANGE} and not exists (
                select from alm_reporting.portfolio_greeks as risk
                where risk.account_id = summary.account_id and risk.trading_day = summary.trading_day
                    and risk.nav = summary.closing_nav_official
            ) order by 1, 2""",
            {"first": first, "last": last, "account": account},
        ).fetchall()
