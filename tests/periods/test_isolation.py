"""Which days would stand alone: the rule by hand, and every combination of totals by brute force."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fntx_dagster.periods.isolation import APART, ShownDays, Telling, standing_alone

SESSIONS = [date(2025, 3, 3) + timedelta(number) for number in range(60)]
SMALL, FEW = SESSIONS[:9], 3


def total(first: int, last: int, *figures: str) -> ShownDays:
    return ShownDays(SESSIONS[first], SESSIONS[last], Telling.TOTAL, frozenset(figures) or None)


def singly(place: int, *figures: str) -> ShownDays:
    return ShownDays(SESSIONS[place], SESSIONS[place], Telling.SINGLY, frozenset(figures) or None)


def alone(new: list[ShownDays], *before: ShownDays) -> list[list[int]]:
    return [[SESSIONS.index(day) for day in group] for group in standing_alone(new, before, SESSIONS)]


def test_two_totals_that_differ_by_a_day_show_that_day() -> None:
    assert alone([total(0, 20)], total(0, 19)) == [[20]]
    assert alone([total(1, 20)], total(0, 20)) == [[0]]


def test_five_sessions_apart_is_enough_and_four_are_not() -> None:
    assert alone([total(0, 20)], total(0, 15)) == []
    assert alone([total(0, 20)], total(0, 16)) == [[17, 18, 19, 20]]
    assert APART == 5


def test_the_same_period_again_and_one_that_follows_it_show_nothing_more() -> None:
    assert alone([total(0, 20)], total(0, 20)) == alone([total(21, 40)], total(0, 20)) == []


def test_a_period_of_fewer_than_five_sessions_is_such_a_group_itself() -> None:
    assert alone([total(3, 6)]) == [[3, 4, 5, 6]]
    assert alone([total(3, 7)]) == []


def test_a_day_that_was_shown_singly_does_not_count() -> None:
    assert alone([total(0, 20)], total(0, 19), singly(20)) == []
    assert alone([total(0, 20)], total(0, 14), singly(17)) == [[15, 16], [18, 19, 20]]


def test_days_that_are_shown_singly_and_lie_in_no_total_leave_nothing_alone() -> None:
    assert alone([singly(3)], singly(1), singly(5)) == []


def test_a_day_shown_near_the_edge_of_a_total_leaves_the_days_at_the_edge_alone() -> None:
    assert alone([singly(2)], total(0, 20)) == [[0, 1]]
    assert alone([singly(0), singly(1), singly(2)], total(0, 20)) == []


def test_what_stood_alone_before_is_not_told_again() -> None:
    assert alone([total(30, 40)], total(0, 19), total(0, 20)) == []


def test_days_that_stand_alone_by_one_figure_are_told_again_before_another_is_shown_of_them() -> None:
    before = total(0, 1, "net_pnl")
    assert alone([total(0, 1, "net_pnl")], before) == []
    assert alone([total(0, 1, "twr", "squares")], before) == [[0, 1]]
    assert alone([total(30, 40, "twr")], total(0, 19, "net_pnl"), total(0, 20, "net_pnl")) == []


def test_a_day_that_shows_some_figures_hides_the_others() -> None:
    assert alone([total(0, 9, "twr")], total(0, 8, "twr"), singly(9, "commissions")) == [[9]]
    assert alone([total(0, 20, "twr")], singly(9, "net_pnl")) == []
    assert alone([total(0, 20, "net_pnl")], singly(2, "net_pnl")) == [[0, 1]]


def test_two_levels_make_a_total_and_one_makes_none() -> None:
    opening, closing = (ShownDays(SESSIONS[9], SESSIONS[9], kind) for kind in (Telling.AT_OPEN, Telling.AT_CLOSE))
    assert alone([closing]) == []
    assert alone([closing], opening) == [[9]]
    assert alone([closing], ShownDays(SESSIONS[4], SESSIONS[4], Telling.AT_CLOSE)) == []
    assert alone([closing], ShownDays(SESSIONS[5], SESSIONS[5], Telling.AT_CLOSE)) == [[6, 7, 8, 9]]
    assert alone([total(10, 20)], closing, ShownDays(SESSIONS[0], SESSIONS[0], Telling.AT_OPEN)) == []


def test_a_range_that_begins_and_ends_between_sessions_is_that_of_its_sessions() -> None:
    weekly = SESSIONS[::7]
    around = ShownDays(SESSIONS[1], SESSIONS[40], Telling.TOTAL)
    assert standing_alone([around], [ShownDays(weekly[1], weekly[5], Telling.TOTAL)], weekly) == []
    assert standing_alone([around], [ShownDays(weekly[1], weekly[4], Telling.TOTAL)], weekly) == [(weekly[5],)]


RANGES = st.tuples(st.integers(0, 8), st.integers(0, 8)).map(lambda pair: total(min(pair), max(pair)))
ITEMS = st.lists(st.one_of(RANGES, st.integers(0, 8).map(singly)), min_size=1, max_size=5)


@given(ITEMS)
def test_no_combination_of_what_the_rule_lets_through_isolates_fewer_days(shown: list[ShownDays]) -> None:
    assume(not standing_alone(shown, [], SMALL, FEW))
    assert smallest_support(shown) >= FEW


@given(ITEMS, ITEMS)
def test_what_is_shown_in_two_steps_is_refused_as_in_one(first: list[ShownDays], second: list[ShownDays]) -> None:
    assume(not standing_alone(first, [], SMALL, FEW))
    assert bool(standing_alone(second, first, SMALL, FEW)) == bool(standing_alone([*first, *second], [], SMALL, FEW))


@pytest.mark.parametrize("shown", [[total(0, 8), total(0, 7)], [total(0, 5), total(4, 8), total(0, 8)]])
def test_the_brute_force_finds_what_stands_alone(shown: list[ShownDays]) -> None:
    """The test of the test above."""
    assert smallest_support(shown) < FEW
    assert standing_alone(shown, [], SMALL, FEW)


def smallest_support(shown: list[ShownDays]) -> int:
    """The fewest days, not shown singly, that a combination of totals with coefficients from −2 to 2 is of."""
    known = {each.first for each in shown if each.kind is Telling.SINGLY}
    totals = [each for each in shown if each.kind is Telling.TOTAL]
    found = len(SMALL) + 1
    for weights in product(range(-2, 3), repeat=len(totals)):
        sums = [
            sum(weight for weight, each in zip(weights, totals, strict=True) if each.first <= day <= each.last)
            for day in SMALL
        ]
        support = sum(1 for day, weight in zip(SMALL, sums, strict=True) if weight and day not in known)
        found = min(found, support) if support else found
    return found
