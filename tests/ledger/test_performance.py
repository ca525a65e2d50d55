"""Rates of winning, the Sharpe ratio, profits by period, the days to a target: by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta
from fractions import Fraction
from statistics import fmean, stdev

import pytest

from fntx_dagster.ledger.book import Figures
from fntx_dagster.ledger.performance import (
    Countdown,
    Turnover,
    Window,
    countdown,
    profit_factor,
    series,
    sharpe,
    win_rate,
    window_start,
)

F = Fraction
MONDAY = date(2026, 3, 2)


def test_break_evens_are_no_part_of_the_win_rate() -> None:
    assert win_rate(Figures(wins=3, losing=1, even=6)) == 75
    assert win_rate(Figures(even=6)) is None


def test_the_profit_factor_is_null_without_a_loss() -> None:
    assert profit_factor(Figures(gains=F(30), losses=F(-20))) == F(3, 2)
    assert profit_factor(Figures(gains=F(30))) is None


def test_the_sharpe_ratio_is_mean_by_deviation_of_the_daily_returns_over_a_year_of_365_days() -> None:
    returns = [0.01, -0.005, 0.0, 0.02]
    prices = [F(1)]
    for each in returns:
        prices.append(prices[-1] * (1 + F(str(each))))
    assert sharpe(prices) == pytest.approx(fmean(returns) / stdev(returns) * math.sqrt(365), abs=1e-12)
    assert sharpe(prices[:2]) is None
    assert sharpe([F(1)] * 10) is None
    assert sharpe([]) is None


def test_profits_are_consecutive_periods_with_the_empty_ones_and_none_before_the_first_entry() -> None:
    one = Turnover(2, F(1), F(200), F(5))
    days = {MONDAY: one, MONDAY + timedelta(days=3): one}
    daily = series(days, MONDAY, MONDAY + timedelta(days=4), "daily", 30)
    assert [name for name, _ in daily] == [f"2026-03-0{day}" for day in range(2, 7)]
    assert [traded.trades for _, traded in daily] == [2, 0, 0, 2, 0]
    assert daily[0][1].net == 4
    assert [name for name, _ in series(days, MONDAY, MONDAY + timedelta(days=4), "daily", 2)] == [
        "2026-03-05",
        "2026-03-06",
    ]


@pytest.mark.parametrize(
    ("first", "today", "period", "names"),
    [
        (date(2026, 3, 1), MONDAY, "weekly", ["2026-W09", "2026-W10"]),
        (date(2025, 12, 28), date(2026, 1, 1), "weekly", ["2025-W52", "2026-W01"]),
        (date(2025, 12, 31), date(2026, 2, 1), "monthly", ["2025-12", "2026-01", "2026-02"]),
        (date(2026, 1, 31), date(2026, 3, 1), "monthly", ["2026-01", "2026-02", "2026-03"]),
        (MONDAY, MONDAY, "daily", ["2026-03-02"]),
        (date(2026, 2, 26), MONDAY, "weekly", ["2026-W09", "2026-W10"]),
    ],
)
def test_weeks_are_iso_weeks_and_months_are_months(first: date, today: date, period: str, names: list[str]) -> None:
    sums = series({first: Turnover(1)}, first, today, period, 30)  # pyright: ignore[reportArgumentType]
    assert [name for name, _ in sums] == names
    assert [traded.trades for _, traded in sums] == [1, *[0] * (len(names) - 1)]


def test_the_window_of_the_countdown_is_30_days_or_those_since_the_first_entry() -> None:
    assert window_start(date(2020, 1, 1), MONDAY) == date(2026, 2, 1)
    assert window_start(date(2026, 2, 20), MONDAY) == date(2026, 2, 20)


def test_days_to_a_target_are_rounded_up_linear_and_compound() -> None:
    found = countdown(F(1100), F("1.1"), F(2000), Window(F(1000), F(1), F(0), 10))
    assert found[:3] == (900, 55, 10)
    assert found.linear == 90
    assert found.compound == math.ceil(math.log(2000 / 1100) / (math.log(1.1) / 10))


def test_flows_are_no_profit() -> None:
    assert countdown(F(1600), F("1.1"), F(2000), Window(F(1000), F(1), F(500), 10)).average == 10


@pytest.mark.parametrize("equity", [1000, 900])
def test_a_pace_that_never_arrives_is_null(equity: int) -> None:
    found = countdown(F(equity), F(equity, 1000), F(2000), Window(F(1000), F(1), F(0), 10))
    assert (found.linear, found.compound) == (None, None)


def test_a_growth_that_no_float_can_tell_never_arrives() -> None:
    price = 1 + F(1, 10**20)
    assert countdown(1000 * price, price, F(2000), Window(F(1000), F(1), F(0), 10)).compound is None


def test_a_target_that_is_reached_takes_no_days() -> None:
    found = countdown(F(2500), F(1), F(2000), Window(F(2500), F(1), F(0), 10))
    assert found == Countdown(F(0), F(100), F(0), 0, 0)
