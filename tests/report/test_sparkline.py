"""Sparklines."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from fntx_dagster.report.drawing import HIGH, WIDE
from fntx_dagster.report.sparkline import sparkline

from .paths import spots


def lines(svg: str) -> list[list[tuple[int, int]]]:
    return [spots(node.get("d", "").replace("h.1", "")) for node in ElementTree.fromstring(svg).iter("path")]


def test_the_lowest_value_lies_at_the_bottom_and_the_last_has_a_dot() -> None:
    line, dot = lines(sparkline([3.0, 1.0, 2.0], "k", "NAV", "From 3 to 2."))
    assert line == [(0, 0), (WIDE // 2, HIGH), (WIDE, HIGH // 2)]
    assert dot == [(WIDE, HIGH // 2)]


def test_a_level_is_drawn_even_where_no_value_reaches_it() -> None:
    level, line, _ = lines(sparkline([1.0, 2.0], "k", "t", "d", level=0.0))
    assert level == [(0, HIGH), (WIDE, HIGH)]
    assert line == [(0, HIGH // 2), (WIDE, 0)]


@pytest.mark.parametrize("values", [[5.0], [5.0, 5.0, 5.0]])
def test_a_figure_that_never_moved_lies_in_the_middle(values: list[float]) -> None:
    assert {height for line in lines(sparkline(values, "k", "t", "d")) for _, height in line} == {HIGH // 2}


def test_ten_years_are_thinned_and_nothing_is_empty() -> None:
    assert len(sparkline([float(number * 37 % 101) for number in range(2520)], "k", "t", "d")) < 12_000
    assert sparkline([], "k", "t", "d") == ""
