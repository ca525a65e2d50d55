"""Moves of underlyings: between which closes, over how many sessions, and which days that takes."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from fntx_dagster.metrics.moves import Moves, calendar_range, first_close
from fntx_dagster.metrics.risk import MOST_SCENARIOS
from fntx_dagster.model.closing import ClosingPrice
from fntx_dagster.model.period import Period

DAYS = [date(2025, 1, 1) + timedelta(days=number) for number in range(MOST_SCENARIOS + 50)]
SPY = ("SPY", "USD")


def close(number: int, price: str, *, comparable: bool = True, currency: str = "USD") -> ClosingPrice:
    return ClosingPrice("U1", "SPY", currency, DAYS[number], Decimal(price), comparable)


def test_a_move_is_the_return_between_two_consecutive_closes():
    moves = Moves([close(0, "100"), close(1, "110"), close(2, "99")], DAYS[:3])
    assert moves.until("U1", DAYS[2]) == [{}, {SPY: pytest.approx(0.1)}, {SPY: pytest.approx(-0.1)}]


@pytest.mark.parametrize(
    "closes",
    [
        [close(0, "100"), close(2, "110")],
        [close(0, "100"), close(1, "50", comparable=False)],
        [close(0, "0"), close(1, "50")],
        [close(0, "100", currency="CAD"), close(1, "110")],
    ],
    ids=["a session between", "a corporate action", "a price of 0", "another listing"],
)
def test_closes_that_cannot_be_compared_make_no_move(closes):
    assert Moves(closes, DAYS[:3]).until("U1", DAYS[2]) == [{}, {}, {}]


def test_the_close_after_an_incomparable_one_makes_a_move_again():
    moves = Moves([close(0, "100"), close(1, "50", comparable=False), close(2, "55")], DAYS[:3])
    assert moves.until("U1", DAYS[2]) == [{}, {}, {SPY: pytest.approx(0.1)}]


def test_each_account_has_moves_of_its_own():
    assert Moves([close(0, "100"), close(1, "110")], DAYS[:2]).until("U2", DAYS[1]) == [{}, {}]


def test_scenarios_end_with_the_day_and_the_oldest_do_not_count():
    moves = Moves([close(number, "100") for number in range(len(DAYS))], DAYS)
    assert len(moves.until("U1", DAYS[-1])) == MOST_SCENARIOS
    assert len(moves.until("U1", DAYS[9])) == 10
    assert moves.until("U1", DAYS[-1] + timedelta(days=1)) == moves.until("U1", DAYS[-1])


def test_the_first_scenario_needs_the_close_before_it():
    last = DAYS[-1]
    first_scenario = DAYS[-MOST_SCENARIOS]
    assert first_close(DAYS, last) == DAYS[DAYS.index(first_scenario) - 1]
    assert first_close(DAYS, DAYS[3]) == DAYS[0]


def test_the_calendar_holds_two_years_before_and_every_expiry():
    july = Period(date(2025, 7, 1), date(2025, 7, 18))
    assert calendar_range(july, []) == Period(date(2023, 1, 1), date(2026, 1, 31))
    expiries = [date(2024, 12, 20), date(2027, 6, 18)]
    assert calendar_range(july, expiries) == Period(date(2022, 1, 1), date(2028, 1, 31))
