"""`/a/{n}`: one account: its year, its months, its last sessions and its metrics."""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.model.nav import NavDay
from fntx_dagster.report import money
from fntx_dagster.report.figures import return_figures
from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.performance import monthly_table
from fntx_dagster.report.tables import Table
from fntx_dagster.services.dashboard.overview import one_account
from fntx_dagster.web.asking import Answer, Asked, Shown
from fntx_dagster.web.following import OF_ACCOUNTS, following

_SESSIONS = 22
"""Rows of the table of sessions: a month of them."""


def show(asked: Asked) -> Answer:
    """The overview of the account that the address names."""
    streamed = following(asked, *OF_ACCOUNTS)
    found = one_account(asked.site.settings, asked.site.db, asked.account)
    now = found.now
    values = {
        "streamed": streamed,
        "now": now,
        "alerts": found.alerts if asked.visitor.sees_names else [],
        "figures": return_figures(now.nav, "year", found.market) if len(now.nav) > 1 else [],
        "months": monthly_table(now.nav) if now.nav else None,
        "sessions": _sessions(now.nav[-_SESSIONS:]),
        "metrics": metrics_table(list(now.metrics.values())) if now.metrics else None,
    }
    return Shown("account.html.j2", "Overview", values)


def _sessions(days: Sequence[NavDay]) -> Table:
    """The newest sessions, newest first."""
    return Table(
        headers=("Trading Day", "Opening NAV", "Closing NAV", "Deposits", "Withdrawals", "Return"),
        rows=tuple(
            (
                day.trading_day.isoformat(),
                *map(money.display, (day.opening_nav, day.closing_nav, day.deposits, day.withdrawals)),
                "" if day.daily_return is None else money.percent(day.daily_return, signed=True),
            )
            for day in reversed(days)
        ),
        title="Last Sessions",
        results=("Return",),
    )
