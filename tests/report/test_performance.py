"""Returns of days, linked to months and years."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.nav import NavDay
from fntx_dagster.report.performance import drawdowns, linked, monthly_table, years

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
returns = st.lists(st.none() | st.floats(-0.5, 0.5), max_size=40)
amounts = st.decimals(0, 10**6, places=2)


@st.composite
def histories(draw: st.DrawFn) -> list[NavDay]:
    """Days on weekdays over up to three years, each opening where the day before closed."""
    days = sorted(draw(st.sets(st.integers(0, 1000), min_size=1, max_size=60)))
    nav, listed = draw(st.decimals(1, 10**6, places=2)), []
    for number in days:
        deposits, withdrawals, closing = draw(amounts), draw(amounts), draw(amounts)
        listed.append(NavDay(date(2023, 11, 20) + timedelta(days=number), nav, closing, deposits, withdrawals))
        nav = closing
    return listed


def nav_day(day: date, opening: str, closing: str, deposits: str = "0", withdrawals: str = "0") -> NavDay:
    return NavDay(day, *map(Decimal, (opening, closing, deposits, withdrawals)))


def test_deposits_and_withdrawals_make_no_return() -> None:
    assert nav_day(date(2025, 7, 1), "100", "150", deposits="50").daily_return == 0
    assert nav_day(date(2025, 7, 1), "100", "60", withdrawals="40").daily_return == 0
    assert nav_day(date(2025, 7, 1), "100", "101").daily_return == pytest.approx(0.01)


def test_a_day_without_money_in_it_has_no_return_and_moves_nothing() -> None:
    empty = nav_day(date(2025, 7, 2), "0", "5")
    assert empty.daily_return is None
    assert linked([0.1, empty.daily_return, 0.1]) == pytest.approx(0.21)
    assert linked([None]) is linked([]) is None
    assert drawdowns([-0.1, None]) == [pytest.approx(-0.1), pytest.approx(-0.1)]


@given(histories())
def test_months_link_to_their_year_and_years_to_the_whole(history: list[NavDay]) -> None:
    listed = years(history)
    for year in listed:
        assert agree(year.total, linked(year.months))
    assert agree(linked(year.total for year in listed), linked(day.daily_return for day in history))


def agree(value: float | None, other: float | None) -> bool:
    if value is None or other is None:
        return value is other
    return value == pytest.approx(other, rel=1e-9, abs=1e-9)


@given(histories())
def test_a_month_has_a_return_exactly_where_one_of_its_days_has(history: list[NavDay]) -> None:
    defined = {(day.trading_day.year, day.trading_day.month) for day in history if day.daily_return is not None}
    shown = {
        (year.year, month) for year in years(history) for month in range(1, 13) if year.months[month - 1] is not None
    }
    assert shown == defined


@given(returns)
def test_a_drawdown_is_never_above_zero_and_is_zero_at_a_new_high(made: list[float | None]) -> None:
    wealth = peak = 1.0
    for value, below in zip(made, drawdowns(made), strict=True):
        wealth *= 1 + (value or 0.0)
        peak = max(peak, wealth)
        assert below == pytest.approx(wealth / peak - 1)
        assert below <= 0


def test_the_table_has_a_row_per_year_and_blanks_for_months_without_days() -> None:
    history = [
        nav_day(date(2024, 12, 30), "100", "110"),
        nav_day(date(2025, 1, 2), "110", "99"),
        nav_day(date(2025, 3, 3), "99", "99"),
    ]
    table = monthly_table(history)
    assert table.headers == ("Year", *MONTHS, "Total")
    assert table.rows == (
        ("2024", *[""] * 11, "+10.00 %", "+10.00 %"),
        ("2025", "-10.00 %", "", "0.00 %", *[""] * 9, "-10.00 %"),
    )
