"""An account beside a benchmark, and what its days are like: the shapes.

Ratios and returns are fractions, money is in base currency; None is what is undefined or unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.model.period import Period


class Comparison(NamedTuple):
    """An account's daily returns beside those of a benchmark, over the sessions that have both. `missing`: sessions of
    the account without a return of the benchmark. `alpha` is per year, and None for fewer sessions
    than the shortest year has; `daily_alpha` is per session. `source`: where the benchmark's closes
    come from, of several sources each, with `, ` between them."""

    benchmark: str
    sessions: int
    missing: int
    account_return: float | None
    benchmark_return: float | None
    beta: float | None
    alpha: float | None
    daily_alpha: float | None
    correlation: float | None
    up_capture: float | None
    down_capture: float | None
    source: str = ""


class Distribution(NamedTuple):
    """The daily returns: how many, their middle and their ends; `bins` are (from, to, count), and cover all."""

    sessions: int
    mean: float
    median: float
    deviation: float | None
    best: float
    worst: float
    gaining: float
    bins: Sequence[tuple[float, float, int]]


class Costs(NamedTuple):
    """What the range cost (0 or more): commissions and other fees, beside the premium that short options brought when
    they were opened and the mean of the closing NAVs; interest and tax withheld from dividends are in none of them."""

    commissions: Decimal
    fees: Decimal
    premium: Decimal
    mean_nav: Decimal

    @property
    def total(self) -> Decimal:
        return self.commissions + self.fees

    @property
    def of_premium(self) -> float | None:
        return float(self.total / self.premium) if self.premium > 0 else None

    @property
    def of_nav(self) -> float | None:
        return float(self.total / self.mean_nav) if self.mean_nav > 0 else None


class MarketDay(NamedTuple):
    """A session's return and the benchmark's, and the benchmark's since the close before the range, or since its first
    close that is known; None where one is missing, and from a corporate action on. `source`: whose two closes made the
    benchmark's return: `file`, `gateway` or `statements`."""

    trading_day: date
    daily_return: float | None
    benchmark_return: float | None
    benchmark_linked: float | None
    source: str | None = None


class RollingRisk(NamedTuple):
    """Volatility and Sharpe ratio of the window of 30 sessions that ends with a session."""

    trading_day: date
    volatility: float | None
    sharpe: float | None


class AgainstMarket(NamedTuple):
    """All of it for one account over a range. `comparison` is None where the benchmark has no price in the range,
    `distribution` where no return is defined."""

    account_id: str
    period: Period
    base_currency: str
    days: Sequence[MarketDay]
    comparison: Comparison | None
    distribution: Distribution | None
    rolling: Sequence[RollingRisk]
    costs: Costs
