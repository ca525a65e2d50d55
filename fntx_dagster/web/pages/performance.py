"""`/a/{n}/performance`: returns, falls and distribution over a window; `/a/{n}/strategies`: what its trading made."""

from __future__ import annotations

from datetime import date

from fntx_dagster.model.against_market import AgainstMarket
from fntx_dagster.model.period import Period
from fntx_dagster.report import clock, money
from fntx_dagster.report.account_risk import drawdowns_table, streaks_table
from fntx_dagster.report.against_market import distribution_table, market_figures, market_tables
from fntx_dagster.report.figures import return_figures
from fntx_dagster.report.metric_names import WINDOWS as NAMES
from fntx_dagster.report.metrics_table import defined_table
from fntx_dagster.report.performance import linked, monthly_table
from fntx_dagster.report.strategies import selling_tables
from fntx_dagster.report.tables import Figure
from fntx_dagster.services.dashboard.overview import newest_day
from fntx_dagster.services.dashboard.performance import WINDOWS, PerformanceShown, performance_of, selling_in
from fntx_dagster.services.dashboard.period import require_short
from fntx_dagster.web.asking import Answer, Asked, Shown

_SPREAD = "Distribution"
_OF_STRATEGIES = ("mtd", "qtd", "ytd", "1y")


def show(asked: Asked) -> Answer:
    """The window that the address names, or the range of its `from` and `to`."""
    chosen = chosen_window(asked)
    performance = performance_of(asked.site.settings, asked.site.db, asked.account.account_id, chosen)
    values = {
        "chosen": chosen,
        "windows": [(name, NAMES[name]) for name in WINDOWS],
        "performance": performance,
        **(_shown(performance, asked.account.number) if performance else {}),
    }
    return Shown("performance.html.j2", "Performance", values)


def show_strategies(asked: Asked) -> Answer:
    """The all-in trades, strategies and edge of a window of a year at most, this month's where none is named."""
    chosen = chosen_window(asked, _OF_STRATEGIES)
    if isinstance(chosen, Period):
        require_short(chosen)
    selling = selling_in(asked.site.settings, asked.site.db, asked.account.account_id, chosen)
    values = {
        "chosen": chosen,
        "windows": [(name, NAMES[name]) for name in _OF_STRATEGIES],
        "selling": selling,
        "tables": selling_tables(selling) if selling else [],
    }
    return Shown("strategies.html.j2", "Strategies", values)


def chosen_window(asked: Asked, windows: tuple[str, ...] = WINDOWS) -> str | Period:
    """A window by its name, or a range: from the account's first day, and to its newest, where an end is not named."""
    window = asked.word("window", windows)
    first, last = asked.day("from"), asked.day("to")
    if first is None and last is None:
        return window
    newest = newest_day(asked.site.db, asked.account) or date.max
    return asked.period(Period(date.min, max(newest, first or newest)))


def _shown(performance: PerformanceShown, number: int) -> dict[str, object]:
    made = linked(day.daily_return for day in performance.days)
    market = performance.market
    beside = market.comparison if market else None
    return {
        "span": clock.span(*performance.period),
        "made": "–" if made is None else money.percent(made, signed=True),
        "beside": beside,
        "figures": [
            *return_figures(performance.days, "window", market),
            *(_of_market(market, number) if market else []),
        ],
        "months": monthly_table(performance.days),
        "drawdowns": drawdowns_table(performance.drawdowns),
        "streaks": streaks_table(performance.streaks, performance.base_currency),
        "metrics": defined_table(performance.metrics),
        "market": [table for table in market_tables(market) if table.title != _SPREAD] if market else [],
    }


def _of_market(market: AgainstMarket, number: int) -> list[Figure]:
    """The charts of the market, that of the distribution with its table; the calendar leads to the days."""
    figures = market_figures(market, "window", lambda day: f"/a/{number}/day/{day}")
    spread = distribution_table(market.distribution) if market.distribution else None
    return [figure._replace(table=spread) if figure.name == _SPREAD else figure for figure in figures]
