"""Drawdowns and streaks: by hand, and by laws that hold for any returns."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from decimal import Decimal

import empyrical
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.metrics.drawdowns import return_on_margin, streaks, worst_drawdowns
from fntx_dagster.model.nav import NavDay

BEGIN = date(2025, 7, 1)
RETURNS = st.lists(st.integers(-900, 900).map(lambda n: Decimal(n) / 1000), min_size=1, max_size=40)


def day(number: int) -> date:
    return BEGIN + timedelta(number)


def days(*returns: float | Decimal) -> list[NavDay]:
    nav, made = Decimal(1000), []
    for number, each in enumerate(returns):
        closing = nav * (1 + Decimal(str(each)))
        made.append(NavDay(day(number), nav, closing, Decimal(0), Decimal(0)))
        nav = closing
    return made


def test_falls_have_the_dates_and_the_recovery_that_are_counted_by_hand() -> None:
    first, second = worst_drawdowns(days(0.10, -0.10, -0.10, 0.5, -0.05, 0.01))
    assert first.depth == pytest.approx(0.81 - 1)
    assert first[1:] == (day(0), day(2), day(3), 2, 1)
    assert second.depth == pytest.approx(-0.05)
    assert second[1:] == (day(3), day(4), None, 1, None)


def test_a_fall_from_the_opening_has_no_session_for_its_peak() -> None:
    [fall] = worst_drawdowns(days(-0.5, 1))
    assert fall[1:] == (None, day(0), day(1), 1, 1)


@given(RETURNS)
def test_the_deepest_is_empyricals_and_each_lies_in_its_own_sessions(returns: list[Decimal]) -> None:
    falls = worst_drawdowns(days(*returns), most=100)
    deepest = empyrical.max_drawdown(numpy.array([float(each) for each in returns]))
    assert min((fall.depth for fall in falls), default=0) == pytest.approx(deepest, rel=1e-9, abs=1e-9)
    assert [fall.depth for fall in falls] == sorted(fall.depth for fall in falls)
    in_order = sorted(falls, key=lambda fall: fall.trough)
    for fall, following in itertools.pairwise(in_order):
        assert fall.recovered is not None
        assert fall.trough < fall.recovered <= following.peak < following.trough


def test_streaks_are_those_that_are_counted_by_hand() -> None:
    found = streaks(days(0.1, 0.1, -0.1, 0, -0.1, -0.1, -0.1, 0.2))
    assert found.winning is not None
    assert found.losing is not None
    assert found.winning[1:4] == (day(0), day(1), 2)
    assert found.winning.linked_return == pytest.approx(0.21)
    assert found.winning.gain == 210
    assert found.losing[1:4] == (day(4), day(6), 3)
    assert found.current is not None
    assert (found.current.winning, found.current.first) == (True, day(7))


def test_a_day_without_gain_ends_a_streak_and_begins_none() -> None:
    assert streaks(days(0.1, 0)).current is None
    assert streaks([]) == (None, None, None)


def test_deposits_and_withdrawals_make_no_gain() -> None:
    flows = NavDay(BEGIN, Decimal(100), Decimal(160), Decimal(100), Decimal(50))
    found = streaks([flows])
    assert found.winning is not None
    assert found.winning.gain == 10


@given(RETURNS)
def test_the_current_streak_is_never_longer_than_the_longest_of_its_kind(returns: list[Decimal]) -> None:
    found = streaks(days(*returns))
    if found.current is not None:
        longest = found.winning if found.current.winning else found.losing
        assert longest is not None
        assert longest.sessions >= found.current.sessions
    assert (found.winning is None) == (max(returns) <= 0)


def test_the_return_on_margin_is_of_the_sessions_that_have_one() -> None:
    made = return_on_margin([(Decimal(30), Decimal(1000)), (Decimal(-10), Decimal(3000))])
    assert made == (2, Decimal(20), Decimal(2000), 0.01)
    assert return_on_margin([]) is None
    assert return_on_margin([(Decimal(5), Decimal(0))]) is None
