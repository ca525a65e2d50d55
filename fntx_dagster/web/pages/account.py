"""`/a/{n}`: one account: its year, its months, its last sessions and its metrics."""

from __future__ import annotations

from collections.abc import Sequence

from fntx_dagster.model.nav import NavDay
from fntx_dagster.report import charts, clock, money
from fntx_dagster.report.metrics_table import metrics_table
from fntx_dagster.report.performance import drawdowns, linked, monthly_table, wealth
from fntx_dagster.report.tables import Figure, Table
from fntx_dagster.services.dashboard.overview import one_account
from fntx_dagster.web.asking import Answer, Asked, Shown

_SESSIONS = 22
"""Rows of the table of sessions: a month of them."""


def show(asked: Asked) -> Answer:
    """The overview of the account that the address names."""
    now = one_account(asked.site.settings, asked.site.db, asked.account)
    values = {
        "now": now,
        "figures": year_figures(now.nav) if len(now.nav) > 1 else [],
        "months": monthly_table(now.nav) if now.nav else None,
        "sessions": _sessions(now.nav[-_SESSIONS:]),
        "metrics": metrics_table(list(now.metrics.values())) if now.metrics else None,
    }
    return Shown("account.html.j2", "Overview", values)


def year_figures(days: Sequence[NavDay]) -> list[Figure]:
    """The linked return and the drawdown of at least two sessions."""
    sessions, returns = [day.trading_day for day in days], [day.daily_return for day in days]
    made, below = [each - 1 for each in wealth(returns)], drawdowns(returns)
    span = clock.span(sessions[0], sessions[-1])
    total = money.percent(linked(returns) or 0.0, signed=True)
    deepest = money.percent(min(below))
    return [
        Figure(
            "Return",
            charts.return_chart(sessions, made, "return", f"Return, {span}", f"{total}, time-weighted."),
            [("accent", f"time-weighted, linked from daily returns: {total}")],
        ),
        Figure(
            "Drawdown",
            charts.drawdown_chart(sessions, below, "drawdown", f"Drawdown, {span}", f"The deepest is {deepest}."),
            [("loss", f"below the highest linked return of these sessions; the deepest is {deepest}")],
        ),
    ]


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
