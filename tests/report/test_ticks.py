"""Where axes are labelled."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.report import ticks
from fntx_dagster.report.drawing import Range


def sessions(count: int, first: date = date(2016, 1, 4)) -> list[date]:
    days = (first + timedelta(days=number) for number in range(2 * count + 10))
    return [day for day in days if day.weekday() < 5][:count]


@given(st.floats(-1e6, 1e6), st.floats(1e-2, 1e9), st.integers(2, 9))
def test_round_values_lie_in_the_range_in_equal_steps_and_are_few(low: float, width: float, most: int) -> None:
    reach = Range(low, low + width)
    values = ticks.round_values(reach, most)
    assert len(values) <= most + 1
    assert all(reach.low - width * 1e-6 <= float(value) <= reach.high + width * 1e-6 for value in values)
    steps = {after - before for before, after in pairwise(values)}
    assert len(steps) <= 1
    for step in steps:
        assert step.normalize().as_tuple().digits in ((1,), (2,), (2, 5), (5,))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (-0.021, 0.302, ["0 %", "10 %", "20 %", "30 %"]),
        (-0.0019, 0.0, ["-0.15 %", "-0.1 %", "-0.05 %", "0 %"]),
        (0.0, 1.0, ["0 %", "25 %", "50 %", "75 %", "100 %"]),
    ],
)
def test_per_cents_are_round_and_free_of_binary_dust(low: float, high: float, labels: list[str]) -> None:
    assert [tick.label for tick in ticks.percent_ticks(Range(low, high), 4)] == labels


def test_amounts_are_grouped_and_in_millions_where_there_are_many() -> None:
    assert [tick.label for tick in ticks.amount_ticks(Range(1.4e6, 1.6e6), 4)] == [
        *("1,400,000", "1,450,000", "1,500,000", "1,550,000", "1,600,000"),
    ]
    assert [tick.label for tick in ticks.amount_ticks(Range(1.19e9, 1.26e9), 4)] == [
        "1,200 M",
        "1,220 M",
        "1,240 M",
        "1,260 M",
    ]


def test_numbers_of_things_are_whole() -> None:
    for most in (1, 3, 9, 61, 1000):
        labels = [tick.label for tick in ticks.count_ticks(Range(0.0, most * 1.05), 5)]
        assert labels[0] == "0"
        assert len(labels) > 1
        assert not any("." in label for label in labels)


@pytest.mark.parametrize("count", [1, 2, 5, 13, 22, 64, 65, 100, 252, 300, 756, 1260, 2520, 5000])
def test_labels_of_sessions_are_apart_at_each_width(count: int) -> None:
    """The style sheet leaves `fine` out below 860 pixels and `medium` below 520; the axes take up to 106 of them. A
    letter takes 7 pixels."""
    drawn = ticks.session_ticks(sessions(count))
    for left_out, pixels in (((), 754), (("fine",), 414), (("fine", "medium"), 240)):
        shown = [tick for tick in drawn if tick.size not in left_out]
        assert shown
        for one, following in pairwise(shown):
            gap = (following.part - one.part) * pixels
            assert gap > 7 * (len(one.label) + len(following.label)) / 2


def test_few_sessions_are_labelled_by_day_the_last_one_always() -> None:
    labels = [tick.label for tick in ticks.session_ticks(sessions(22, date(2025, 7, 1)))]
    assert labels[-1] == "Jul 30"
    assert len(labels) > 8


def test_months_quarters_and_years_are_those_of_the_calendar() -> None:
    two = [tick.label for tick in ticks.session_ticks(sessions(504, date(2023, 5, 15)))]
    assert two == ["Jul 2023", "Oct", "Jan 2024", "Apr", "Jul 2024", "Oct", "Jan 2025", "Apr"]
    ten = ticks.session_ticks(sessions(2520))
    assert [tick.label for tick in ten][:3] == ["2016", "2017", "2018"]
    assert ten[0].part == 0.0


def test_zero_stays_where_returns_are_labelled_sparsely() -> None:
    drawn = ticks.spread_ticks(Range(-0.043, 0.041), 8)
    assert [tick.label for tick in drawn if not tick.size] == ["-4 %", "-2 %", "0 %", "2 %", "4 %"]


def test_nothing_has_no_labels() -> None:
    assert ticks.session_ticks([]) == []
    assert ticks.plain_label(Decimal("0.250000")) == "0.25"
