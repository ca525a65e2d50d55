"""What a book's owner asks of it: rates of winning, a Sharpe ratio, profits by period, the days to a target.

Percentages and ratios are null where their formula has no value. Sources of the formulas: `docs/ledger.md`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Literal, NamedTuple

from fntx_dagster.ledger.book import Figures

PeriodName = Literal["daily", "weekly", "monthly"]
DAYS_A_YEAR = 365
"""These markets know no weekend."""
_FLAT = 1e-15
_WINDOW = 30


def win_rate(figures: Figures) -> Fraction | None:
    """Wins in percent of wins and losses; break-evens do not count."""
    decided = figures.wins + figures.losing
    return Fraction(100 * figures.wins, decided) if decided else None


def profit_factor(figures: Figures) -> Fraction | None:
    """Σ of the winning round trips ÷ |Σ of the losing ones|; None without a loss."""
    return figures.gains / -figures.losses if figures.losses else None


def sharpe(prices: Sequence[Fraction]) -> float | None:
    """Mean ÷ standard deviation (n − 1) × √365 of the daily returns between these prices of a unit, one at the end of
    each whole day and first the one that the first day began with; None for fewer than 2 returns or a deviation of at
    most 1e-15. Source: Sharpe, "The Sharpe Ratio" (1994), without a risk-free rate."""
    returns = [float(after / before - 1) for before, after in pairwise(prices) if before]
    if len(returns) <= 1:
        return None
    mean = math.fsum(returns) / len(returns)
    deviation = math.sqrt(math.fsum((each - mean) ** 2 for each in returns) / (len(returns) - 1))
    return mean / deviation * math.sqrt(DAYS_A_YEAR) if deviation > _FLAT else None


@dataclass(frozen=True, slots=True)
class Turnover:
    """What the fills of some time add up to, in the reporting currency; `trades` are fills."""

    trades: int = 0
    fees: Fraction = Fraction(0)
    volume: Fraction = Fraction(0)
    realized: Fraction = Fraction(0)

    def __add__(self, other: Turnover) -> Turnover:
        return Turnover(
            self.trades + other.trades,
            self.fees + other.fees,
            self.volume + other.volume,
            self.realized + other.realized,
        )

    @property
    def net(self) -> Fraction:
        """Realised − fees."""
        return self.realized - self.fees


def name_of(day: date, period: PeriodName) -> str:
    """The period that a day lies in: `2026-03-02`, the ISO week `2026-W10`, the month `2026-03`."""
    if period == "daily":
        return day.isoformat()
    if period == "monthly":
        return f"{day:%Y-%m}"
    year, week, _ = day.isocalendar()
    return f"{year:04}-W{week:02}"


def series(
    days: Mapping[date, Turnover], first: date, today: date, period: PeriodName, limit: int
) -> list[tuple[str, Turnover]]:
    """The last `limit` periods up to the one of `today`, oldest first, empty ones too; none before that of `first`."""
    names: list[str] = []
    day = today
    while day >= first and len(names) < limit:
        names.append(name_of(day, period))
        day = _before(day, period)
    if not names or (len(names) < limit and name_of(first, period) != names[-1]):
        names.append(name_of(min(first, today), period))
    sums = dict.fromkeys(reversed(names), Turnover())
    for each, traded in days.items():
        if (name := name_of(each, period)) in sums:
            sums[name] += traded
    return [*sums.items()]


class Countdown(NamedTuple):
    """The way to a target. Days are rounded up; None: it is never reached at this pace; both 0 once it is."""

    remaining: Fraction
    progress: Fraction
    average: Fraction
    linear: int | None
    compound: int | None


class Window(NamedTuple):
    """The last 30 days, or those since the first entry: equity and price of a unit at its start, the net flows in it,
    the number of its days."""

    equity: Fraction
    price: Fraction
    flows: Fraction
    days: int


def window_start(first: date, today: date) -> date:
    """The first day of the window: 29 days before today, not before the book's first entry."""
    return max(first, today - timedelta(days=_WINDOW - 1))


def countdown(equity: Fraction, price: Fraction, target: Fraction, window: Window) -> Countdown:
    """How far a target is. Linear: what remains ÷ the average day's profit; compound: by the price's growth a day."""
    remaining = target - equity
    average = (equity - window.equity - window.flows) / window.days if window.days else Fraction(0)
    progress = min(max(equity / target * 100, Fraction(0)), Fraction(100)) if target else Fraction(100)
    if remaining <= 0:
        return Countdown(Fraction(0), progress, average, 0, 0)
    linear = math.ceil(remaining / average) if average > 0 else None
    return Countdown(remaining, progress, average, linear, _compound(equity, price, target, window))


def _compound(equity: Fraction, price: Fraction, target: Fraction, window: Window) -> int | None:
    if equity <= 0 or window.price <= 0 or price <= window.price or not window.days:
        return None
    growth = math.log(price / window.price) / window.days
    return math.ceil(math.log(target / equity) / growth) if growth > 0 else None  # 0: less than a float can tell


def _before(day: date, period: PeriodName) -> date:
    """A day of the period before the one that this day lies in."""
    if period == "daily":
        return day - timedelta(days=1)
    if period == "weekly":
        return day - timedelta(days=7)
    return day.replace(day=1) - timedelta(days=1)
