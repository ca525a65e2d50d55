"""An account beside its benchmark, the distribution of its days and its costs: tables and charts.

What belongs here: how each figure is written, and what is said beside a chart. What is undefined is a dash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from fntx_dagster.model.against_market import AgainstMarket, Comparison, Costs, Distribution
from fntx_dagster.report import charts, clock, money
from fntx_dagster.report.heat_map import heat_map
from fntx_dagster.report.money import rounded
from fntx_dagster.report.tables import Figure, Table

_UNKNOWN = "–"
_MOST_MONTHS = 24
_SOURCES = {
    "file": "a price file",
    "gateway": "daily bars of IB Gateway, adjusted for dividends and splits",
    "statements": "prices in the statements",
}


def market_tables(view: AgainstMarket) -> list[Table]:
    """The comparison, the distribution and the costs; what has no figures is left out."""
    tables = [comparison_table(view.comparison)] if view.comparison else []
    if view.distribution:
        tables.append(distribution_table(view.distribution))
    return [*tables, costs_table(view.costs, view.base_currency)]


def market_figures(view: AgainstMarket, key: str, address: Callable[[date], str] | None = None) -> list[Figure]:
    """The calendar of daily returns, their distribution, and the rolling risk; of several sessions alone. `address` is
    where a day of the calendar leads."""
    if view.distribution is None or len(view.days) < 2:
        return []
    span = clock.span(*view.period)
    calendar = _newest_months([(day.trading_day, day.daily_return) for day in view.days])
    cut = f"; the last {_MOST_MONTHS} months" if len(calendar) < len(view.days) else ""
    figures = [
        Figure(
            "Daily Returns",
            heat_map(
                calendar,
                f"{key}-calendar",
                f"Daily returns, {clock.span(calendar[0][0], calendar[-1][0])}",
                "A leaf for each month; the tables hold every figure.",
                address,
            ),
            [("gain", f"gained, in per cent{cut}"), ("loss", "lost")],
        ),
        Figure(
            "Distribution",
            charts.distribution_chart(
                view.distribution.bins,
                f"{key}-distribution",
                f"Distribution of daily returns, {span}",
                f"{view.distribution.sessions} sessions; half of them made at least "
                f"{money.percent(view.distribution.median, signed=True)}.",
            ),
            [("gain", "sessions that gained"), ("loss", "sessions that lost")],
        ),
    ]
    known = [each for each in view.rolling if each.volatility is not None and each.sharpe is not None]
    if len(known) > 1:
        figures.append(
            Figure(
                "Rolling Risk",
                charts.rolling_chart(
                    [each.trading_day for each in known],
                    [each.volatility or 0.0 for each in known],
                    [each.sharpe or 0.0 for each in known],
                    f"{key}-rolling",
                    f"Volatility and Sharpe ratio of 30 sessions, {span}",
                    "Above the volatility per year, below the Sharpe ratio.",
                ),
                [("accent", "volatility per year of the last 30 sessions"), ("step", "their Sharpe ratio (below)")],
            )
        )
    return figures


def _newest_months(days: Sequence[tuple[date, float | None]]) -> list[tuple[date, float | None]]:
    """The days of the last months that a calendar shows: a page stays light, whatever the range."""
    last = days[-1][0]
    first = last.year * 12 + last.month - _MOST_MONTHS
    return [each for each in days if each[0].year * 12 + each[0].month > first]


def market_document(view: AgainstMarket, shown: Callable[[Decimal], dict[str, Any]]) -> dict[str, Any]:
    """The comparison, the distribution and the costs for the JSON report; `shown` writes an amount. Ratios have ten
    digits: those behind differ between machines."""
    spread = view.distribution._asdict() if view.distribution else None
    if spread:
        spread["bins"] = [{"from": rounded(low), "to": rounded(high), "sessions": n} for low, high, n in spread["bins"]]
    return {
        "account_id": view.account_id,
        "base_currency": view.base_currency,
        "first_day": view.period.first.isoformat(),
        "last_day": view.period.last.isoformat(),
        "comparison": view.comparison and {name: rounded(value) for name, value in view.comparison._asdict().items()},
        "distribution": spread and {name: rounded(value) for name, value in spread.items()},
        "costs": {name: shown(amount) for name, amount in view.costs._asdict().items()}
        | {"of_premium": rounded(view.costs.of_premium), "of_nav": rounded(view.costs.of_nav)},
    }


def comparison_table(beside: Comparison) -> Table:
    """The account beside its benchmark."""
    others = "1 other has" if beside.missing == 1 else f"{beside.missing:,} others have"
    missing = f" {others} no price of the benchmark." if beside.missing else ""
    alpha = _percent(beside.alpha) if beside.alpha is not None else f"{_UNKNOWN} (less than a year)"
    return Table(
        ("Against the Market", beside.benchmark),
        (
            ("Return of the account", _percent(beside.account_return)),
            (f"Return of {beside.benchmark}", _percent(beside.benchmark_return)),
            ("Beta", money.ratio(beside.beta)),
            ("Alpha per year", alpha),
            ("Alpha per session", _percent(beside.daily_alpha, 4)),
            ("Correlation", money.ratio(beside.correlation)),
            ("Up capture", _percent(beside.up_capture)),
            ("Down capture", _percent(beside.down_capture)),
        ),
        title="Against the Market",
        footnote=f"Over {_sessions(beside.sessions)} both returns.{missing}{_source(beside)}",
    )


def _source(beside: Comparison) -> str:
    """Where the closes come from, in a sentence."""
    named = [_SOURCES[source] for source in beside.source.split(", ") if source in _SOURCES]
    return f" Closes of {beside.benchmark}: {', or '.join(named)}." if named else ""


def _sessions(count: int) -> str:
    return "the one session that has" if count == 1 else f"the {count:,} sessions that have"


def distribution_table(spread: Distribution) -> Table:
    """The middle and the ends of the daily returns."""
    return Table(
        ("Daily Returns", "Figure"),
        (
            ("Sessions", f"{spread.sessions:,}"),
            ("Mean", _percent(spread.mean, 4)),
            ("Median", _percent(spread.median, 4)),
            ("Standard deviation", _UNKNOWN if spread.deviation is None else money.percent(spread.deviation)),
            ("Best", _percent(spread.best)),
            ("Worst", _percent(spread.worst)),
            ("Sessions that gained", money.percent(spread.gaining)),
        ),
        title="Distribution",
    )


def costs_table(costs: Costs, base_currency: str) -> Table:
    """What trading cost, in money and beside the NAV and, where options brought some, the premium."""
    premium = (
        ("Premium received", money.display(costs.premium)),
        ("Costs of the premium", money.ratio(costs.of_premium, in_percent=True)),
    ) * bool(costs.premium)
    return Table(
        (f"Costs ({base_currency})", "Figure"),
        (
            ("Commissions", money.display(costs.commissions)),
            ("Other fees", money.display(costs.fees)),
            *premium,
            ("Costs of the mean NAV", money.ratio(costs.of_nav, in_percent=True)),
        ),
        title="Costs",
    )


def _percent(ratio: float | None, decimals: int = 2) -> str:
    if ratio is None:
        return _UNKNOWN
    return money.percent(ratio, signed=True) if decimals == 2 else f"{ratio * 100:+.{decimals}f} %"
