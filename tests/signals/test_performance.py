"""The figures of trades, by hand, and their laws: no order of trades matters, and parts add up to the whole."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.performance import profit_factor, win_rate
from fntx_dagster.signals.performance import (
    WEEKDAYS,
    SignalStep,
    SignalTrade,
    Slippage,
    excursion,
    figures,
    grouped,
    record,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return NOON + timedelta(minutes=minutes)


def trade(number: int, pnl: int, fees: int = 0, *, minutes: int = 10, symbol: str = "A") -> SignalTrade:
    weekday = WEEKDAYS[number % 7]
    return SignalTrade(number, symbol, weekday, at(number), minutes, Fraction(pnl), Fraction(fees))


TRADES = st.lists(
    st.builds(
        SignalTrade,
        st.integers(1, 10**6),
        st.sampled_from("ABC"),
        st.sampled_from(WEEKDAYS),
        st.builds(at, st.integers(0, 20)),
        st.integers(0, 500),
        st.builds(Fraction, st.integers(-500, 500), st.just(100)),
        st.builds(Fraction, st.integers(0, 50), st.just(100)),
        st.builds(Slippage, st.builds(Fraction, st.integers(-9, 9)), st.builds(Fraction, st.integers(1, 99))),
    ),
    max_size=30,
    unique_by=lambda trade: trade.trade_id,
)


def test_six_trades_by_hand() -> None:
    made = record(
        [trade(1, 10, 2), trade(2, 5), trade(3, 1, 1), trade(4, -6, 1), trade(5, -2), trade(6, 4, minutes=70)]
    )
    sums = made.figures
    assert (sums.wins, sums.losing, sums.even) == (3, 2, 1)
    assert (win_rate(sums), profit_factor(sums)) == (60, Fraction(17, 9))
    assert (sums.realized, sums.fees, made.expectancy) == (12, 4, Fraction(8, 6))
    assert (made.average, made.middle, made.best, made.worst) == (2, Fraction(5, 2), 8, -7)
    assert (made.longest_winning, made.longest_losing, made.current_streak) == (2, 2, 1)
    # 8, 13, 13, 6, 4, 8
    assert (made.drawdown_max, made.drawdown_now, made.holding) == (9, 5, 20)


def test_without_a_trade_nothing_is_zero_that_has_no_value() -> None:
    made = record([])
    assert (made.average, made.middle, made.expectancy, made.best, made.holding, made.mfe) == (None,) * 6
    assert (made.drawdown_max, made.current_streak, made.slippage.bps, win_rate(made.figures)) == (0, 0, None, None)


@given(TRADES, st.randoms(use_true_random=False))
def test_the_order_of_trades_does_not_matter(trades: list[SignalTrade], order: random.Random) -> None:
    shuffled = [*trades]
    order.shuffle(shuffled)
    assert record(shuffled) == record(trades)


@given(TRADES)
def test_groups_add_up_to_all_trades(trades: list[SignalTrade]) -> None:
    whole = figures(trades)
    for name_of in (lambda trade: trade.symbol, lambda trade: trade.weekday):
        parts = grouped(trades, name_of)
        assert sum(part.ended for part in parts.values()) == len(trades)
        assert sum(part.gains + part.losses for part in parts.values()) == whole.realized - whole.fees
    assert [*grouped(trades, lambda trade: trade.weekday)] == [
        name for name in WEEKDAYS if name in {trade.weekday for trade in trades}
    ]


@given(TRADES)
def test_a_drawdown_is_never_less_than_the_present_one_nor_than_the_longest_row_of_losses(
    trades: list[SignalTrade],
) -> None:
    made = record(trades)
    total = made.figures.realized - made.figures.fees
    assert made.drawdown_max >= made.drawdown_now >= max(-total, Fraction(0))
    assert made.longest_winning + made.longest_losing <= len(trades)
    assert abs(made.current_streak) <= max(made.longest_winning, made.longest_losing)


@pytest.mark.parametrize("short", [False, True])
def test_an_execution_is_worth_what_was_realised_and_what_is_open_at_the_mark(short: bool) -> None:
    sign = -1 if short else 1
    exits = [SignalStep(at(2), Fraction(6), Fraction(60) * sign), SignalStep(at(4), Fraction(4), Fraction(-20) * sign)]
    marks = [(at(number), Fraction(price)) for number, price in enumerate((99, 112, 110, 90, 95))]
    # 10 entered at 100: -10, 120, 100 (before the exit of its moment), then 60 - 40 and 60 - 20, at the end 40
    best_and_worst = excursion(sign * Fraction(1000), sign * Fraction(10), exits, marks)
    assert best_and_worst == ((10, -120) if short else (120, -10))
    assert excursion(sign * Fraction(1000), sign * Fraction(10), exits, []) is None


@given(st.lists(st.integers(1, 200), min_size=1, max_size=9), st.integers(-100, 100))
def test_an_excursion_holds_the_result_and_zero(prices: list[int], pnl: int) -> None:
    exits = [SignalStep(at(99), Fraction(1), Fraction(pnl))]
    found = excursion(
        Fraction(100), Fraction(1), exits, [(at(number), Fraction(price)) for number, price in enumerate(prices)]
    )
    assert found is not None
    assert found[0] >= max(0, pnl, max(prices) - 100)
    assert found[1] <= min(0, pnl, min(prices) - 100)
