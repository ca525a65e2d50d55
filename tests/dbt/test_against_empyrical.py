"""The metrics of a window against empyrical on the same returns; and that money which comes or goes moves none of them.

Each series is an account of its own; dbt builds them all at once. What moves them is interest, because it is exact.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from random import Random

import empyrical
import numpy
import pytest

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.period import Period
from fntx_dagster.simulate.account import Account, Accounts
from fntx_dagster.store.marts import performance
from tests.dbt.conftest import FIRST, LAST, Platform

SERIES, TWINS = Accounts(2_000_201), Accounts(2_000_301)
DELIVERED = (SERIES, TWINS)
YEAR_SESSIONS = 272
DAYS = [str(session.day) for session in sessions(date(2024, 11, 1), date(2025, 12, 31))]
CAPITAL = Decimal(10000)


def series(name: str, returns: Iterable[float]) -> None:
    """An account with these daily returns, to the cent; one that has lost everything is funded anew."""

    def happens(account: Account) -> None:
        nav = CAPITAL
        for day, daily_return in zip(DAYS, returns, strict=False):
            built = account.day(day)
            if not nav:
                nav = CAPITAL
                built.moves("deposit", str(CAPITAL))
            gain = (nav * Decimal(str(daily_return))).quantize(Decimal("0.01"))
            built.moves("interest", str(gain))
            nav += gain

    happens.__name__ = name
    SERIES.account(base="USD", cash={"USD": str(CAPITAL)})(happens)


def normal(seed: int, count: int, mean: float = 0.0005, deviation: float = 0.015) -> Iterator[float]:
    random = Random(seed)
    return (max(-1.0, random.gauss(mean, deviation)) for _ in range(count))


for seed in range(12):
    series(f"random, {seed}", normal(seed, 5 * seed + 3))
for seed in range(6):
    # a few days decide: Student's t with 3 degrees of freedom
    heavy = numpy.random.default_rng(seed).standard_t(3, size=45) / 100
    series(f"heavy tails, {seed}", (max(-0.95, float(daily_return)) for daily_return in heavy))
series("over a year", normal(41, YEAR_SESSIONS))
series("over a year, all lost on the way", [*normal(42, 120), -1.0, *normal(43, YEAR_SESSIONS - 121)])
series("one day", [0.0125])
series("two days", [0.0125, -0.03])
series("two days the same", [0.01, 0.01])
series("never moved", [0.0] * 25)
series("the same every day", [0.25] * 4)
series("losses alone", (-abs(daily_return) - 0.0001 for daily_return in normal(45, 30)))
series("gains alone", (abs(daily_return) + 0.0001 for daily_return in normal(46, 30)))
series("all lost on the first day", [-1.0])
series("all lost on the last day", [0.02, -0.01, -1.0])
series("21 days", normal(47, 21))  # the percentile is a return itself
series("a day that is not there", [0.01, 0.0, -0.02, 0.0])


def with_flows(name: str, seed: int, deposits_every: int) -> None:
    """The returns of one series, while money comes and goes at random."""

    def happens(account: Account) -> None:
        nav, random = CAPITAL, Random(seed)
        for day, daily_return in zip(DAYS, normal(7, 80), strict=False):
            built = account.day(day)
            if deposits_every and not random.randrange(deposits_every):
                deposit = Decimal(random.randint(1, 30_000))
                built.moves("deposit", str(deposit))
                nav += deposit
            gain = (nav * Decimal(str(daily_return))).quantize(Decimal("1E-16"))
            built.moves("interest", str(gain))
            nav += gain
            if deposits_every and not random.randrange(deposits_every):
                withdrawal = (nav * Decimal(random.randint(1, 95)) / 100).quantize(Decimal("0.01"))
                built.moves("deposit", str(-withdrawal))
                nav -= withdrawal

    happens.__name__ = name
    TWINS.account(base="USD", cash={"USD": str(CAPITAL)})(happens)


with_flows("without flows", 0, 0)
for seed in range(6):
    with_flows(f"with flows, {seed}", seed, seed + 1)

ORACLE = {
    "total_return": empyrical.cum_returns_final,
    "volatility": empyrical.annual_volatility,
    "sharpe": empyrical.sharpe_ratio,
    "sortino": empyrical.sortino_ratio,
    "max_drawdown": empyrical.max_drawdown,
    "calmar": empyrical.calmar_ratio,
    "var_95": empyrical.value_at_risk,
    "cvar_95": empyrical.conditional_value_at_risk,
}


def daily_returns(account: Account) -> list[tuple[date, float]]:
    """From the broker's books; a day on which nothing was invested has none."""
    known = []
    for day in account.days:
        deposits = sum((moved.amount for moved in day.cash if moved.component == "depositsWithdrawals"), Decimal(0))
        if day.opening.nav + deposits > 0:
            known.append((day.date, float(day.nav / (day.opening.nav + deposits) - 1)))
    return known


def is_defined(metric: str, value: float, returns: numpy.ndarray, days: int) -> bool:
    """By the null rules of docs/metrics.md: where empyrical says nan, inf or 0, or what too few days say."""
    if metric == "total_return":
        return True
    if len(returns) < 2 or not math.isfinite(value):
        return False
    if metric in ("volatility", "sharpe"):
        return numpy.std(returns, ddof=1) > 1e-15
    if metric == "calmar":
        return days >= 365
    return True


@pytest.mark.parametrize("name", SERIES.names)
def test_empyrical_agrees_wherever_both_are_defined(built: Platform, name: str) -> None:
    account = SERIES[name]
    known = daily_returns(account)
    rows = {
        (row["trading_day"], row["metric_window"]): row
        for row in performance.rolling_metrics(built.database, Period(FIRST, LAST), account.number)
    }
    opened = sessions(account.days[0].date, account.days[0].date)[0].previous_close.date()
    compared = 0
    for day in (day.date for day in account.days):
        so_far = numpy.array([daily_return for at, daily_return in known if at <= day])
        for window, returns in (("all", so_far), ("30obs", so_far[-30:])):
            if window == "30obs" and len(known) < len(account.days):
                continue  # thirty sessions are not thirty returns
            row = rows[day, window]
            assert row["observations"] == len(returns)
            for metric, by_empyrical in ORACLE.items():
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    value = by_empyrical(returns)
                said = (name, day, window, metric, row[metric], value)
                days = (day - opened).days if window == "all" else 0
                if is_defined(metric, value, returns, days):
                    assert row[metric] == pytest.approx(value, rel=1e-9, abs=1e-12), said
                    compared += 1
                else:
                    assert row[metric] is None, said
    assert compared >= len(known)


def test_a_wipe_out_has_a_calmar_ratio_of_minus_one(built: Platform) -> None:
    account = SERIES["over a year, all lost on the way"]
    last = account.days[-1].date
    row = performance.rolling_metrics(built.database, Period.on(last), account.number)[-1]
    assert row["metric_window"] == "all"
    assert (row["total_return"], row["max_drawdown"], row["calmar"]) == (-1, -1, -1)


@pytest.mark.parametrize("name", TWINS.names[1:])
def test_deposits_and_withdrawals_move_no_time_weighted_metric(built: Platform, name: str) -> None:
    def rows(account: Account) -> list[dict]:
        return performance.rolling_metrics(built.database, Period(FIRST, LAST), account.number)

    plain, moved = rows(TWINS["without flows"]), rows(TWINS[name])
    assert sum(row["money_weighted_return"] != row["total_return"] for row in moved) > len(moved) / 2
    assert len(plain) == len(moved) == 8 * 80
    for row, other in zip(plain, moved, strict=True):
        assert (row["trading_day"], row["metric_window"]) == (other["trading_day"], other["metric_window"])
        for metric in ORACLE:
            assert other[metric] == (row[metric] and pytest.approx(row[metric], rel=1e-9, abs=1e-12)), (metric, row)
