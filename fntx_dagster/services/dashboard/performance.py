"""How one account did over a window: its returns, beside a benchmark, and its falls; and what its trading made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from fntx_dagster.metrics.drawdowns import streaks, worst_drawdowns
from fntx_dagster.metrics.windows import first_day
from fntx_dagster.model.account_risk import Drawdown, Streaks
from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.model.strategies import OptionSelling
from fntx_dagster.services.against_market import account_against_market, benchmark_or_why
from fntx_dagster.services.strategies import selling_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.marts import performance
from fntx_dagster.store.marts.status import last_days_of
from fntx_dagster.store.marts.windows import window_metrics

WINDOWS = ("1y", "mtd", "qtd", "ytd", "5y", "all")
"""The windows of rolling_metrics that a person chooses from, the usual one first."""


class PerformanceShown(NamedTuple):
    """`period`: the first and the last built session of the window; `days` all of them, in the order of time.
    `metrics` is the window's row of rolling_metrics, or one computed for a range that is none of its windows. `notes`
    say what is missing."""

    window: str
    period: Period
    base_currency: str
    days: Sequence[NavDay]
    metrics: Mapping[str, Any]
    market: AgainstMarket | None
    drawdowns: Sequence[Drawdown]
    streaks: Streaks
    notes: Sequence[str]


def window_of(last: date, window: str) -> Period:
    """The days that a window of rolling_metrics holds which ends at `last`."""
    return Period(first_day(window, last, EVER.first), last)


def performance_of(
    settings: Settings, db: Database, account: str, window: str | Period = WINDOWS[0]
) -> PerformanceShown | None:
    """Read a window that ends at the newest built session, or a range, from one snapshot; None where no session of it
    is built."""
    with db.snapshot() as snapshot:
        last = last_days_of(snapshot, account).built
        if last is None:
            return None
        asked = window_of(last, window) if isinstance(window, str) else window
        days = performance.nav_days(snapshot, account, asked)
        if not days:
            return None
        period = Period(days[0].trading_day, days[-1].trading_day)
        if isinstance(window, str):
            kept = performance.rolling_metrics(snapshot, Period.on(last), account)
            rows = [row for row in kept if row["metric_window"] == window]
        else:
            rows = window_metrics(snapshot, period, account)
        benchmark, notes = benchmark_or_why(settings, snapshot, period)
        market = account_against_market(snapshot, account, period, benchmark, days)
        return PerformanceShown(
            window if isinstance(window, str) else "",
            period,
            rows[0]["base_currency"],
            days,
            rows[0],
            market,
            worst_drawdowns(days),
            streaks(days),
            notes,
        )


def selling_in(settings: Settings, db: Database, account: str, window: str | Period) -> OptionSelling | None:
    """What the trading of a window or a range made, read from one snapshot; None where no session of it is built."""
    with db.snapshot() as snapshot:
        last = last_days_of(snapshot, account).built
        if last is None:
            return None
        return selling_of(settings, snapshot, account, window_of(last, window) if isinstance(window, str) else window)
