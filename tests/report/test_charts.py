"""What is drawn, as SVG."""

from __future__ import annotations

import warnings
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from xml.etree import ElementTree

import pytest

from fntx_dagster.report import charts
from fntx_dagster.report.nav_path import NavPath, Point, Step, day_steps
from fntx_dagster.report.story import narrate

from .paths import spots
from .role_model import JULY_17, july_18


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in drawn(svg).iter("text")]


def path_of(sessions: int, nav: str = "79498.68") -> NavPath:
    days = tuple(JULY_17 + timedelta(days=number) for number in range(sessions))
    points = tuple(Point(number, Decimal(nav)) for number in range(sessions + 1))
    return NavPath(days, points, points, ())


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ResourceWarning)  # of what other tests left to the garbage collector
        yield


def test_few_sessions_are_marked_by_day_and_many_by_month() -> None:
    few = texts(charts.nav_chart(path_of(10), "k", "t", "d"))
    assert {"Jul 17", "Jul 26"} <= set(few)
    many = texts(charts.nav_chart(path_of(200), "k", "t", "d"))
    assert {"Oct 2025", "Nov", "Jan 2026"} <= set(many)
    assert not any(label.startswith("Jul 1") for label in many)
    years = texts(charts.nav_chart(path_of(3650), "k", "t", "d"))
    assert {"2026", "2027", "2035"} <= set(years)


def test_a_month_that_the_sessions_begin_within_has_no_label() -> None:
    days = [date(2024, 8, 21) + timedelta(days=number) for number in range(200)]
    flat = [0.1] * len(days)
    labels = texts(charts.rolling_chart(days, flat, flat, "k", "t", "d"))
    assert not {"Aug", "Aug 2024"} & set(labels)
    assert {"Sep", "Oct 2024", "Jan 2025"} <= set(labels)
    whole = texts(charts.rolling_chart(days[11:], flat[11:], flat[11:], "k", "t", "d"))
    assert "Sep" in whole


@pytest.mark.parametrize(("benchmark", "points"), [([0.0, 0.01, 0.02], 4), ([None, 0.0, 0.02], 2), ([None] * 3, 0)])
def test_a_benchmark_is_drawn_from_its_first_known_close_on(benchmark: list[float | None], points: int) -> None:
    days = [JULY_17 + timedelta(days=number) for number in range(3)]
    lines = drawn(charts.return_chart(days, [0.01, 0.02, 0.03], "k", "t", "d", benchmark)).iter("path")
    assert sum(len(spots(line.get("d", ""))) for line in lines if line.get("class") == "s-step") == points


def test_a_nav_that_never_moves_and_a_drawdown_that_is_none_are_drawn() -> None:
    still = drawn(charts.nav_chart(path_of(2), "k", "t", "d"))
    assert [node for node in still.iter("path") if "s-accent" in node.get("class", "")]
    flat = texts(charts.drawdown_chart([JULY_17, JULY_17 + timedelta(days=1)], [0.0, 0.0], "k", "t", "d"))
    assert "0 %" in flat


def test_amounts_beside_the_axis_are_grouped_and_free_of_binary_dust() -> None:
    labels = texts(charts.day_chart(day_steps(narrate(july_18())), "HKD", "k", "t", "d"))
    assert {"79,000", "79,500"} <= set(labels)


def test_a_days_chart_says_each_step_with_what_it_moves_and_the_nav_it_leaves() -> None:
    steps = day_steps(narrate(july_18()))
    labels = texts(charts.day_chart(steps, "HKD", "k", "t", "d"))
    for expected in ("Pre-Market Cover Trade", "13:15 HKT", "-1,145.44", "78,609.37", "+590.64", "-0.12", "79,231.03"):
        assert expected in labels
    assert "Last closing mark of the assigned option" in labels, "without what the story says behind the comma"


def test_gains_losses_and_flows_have_colours_of_their_own() -> None:
    nav = Decimal(100)
    steps = [
        Step("up", "10:00", nav, nav + 5, "block"),
        Step("down", "11:00", nav + 5, nav + 1, "block"),
        Step("deposit", "12:00", nav + 1, nav + 9, "flow"),
    ]
    picture = drawn(charts.day_chart(steps, "USD", "k", "t", "d"))
    used = {name for node in picture.iter() if node.tag != "text" for name in node.get("class", "").split()}
    assert {"f-gain", "f-loss", "f-soft"} <= used


def test_text_with_signs_of_markup_or_of_formulas_stays_text() -> None:
    steps = [Step("$x_1$ <b> & \\alpha", "10:00", Decimal(1), Decimal(2), "block")]
    assert "$x_1$ <b> & \\alpha" in texts(charts.day_chart(steps, "<USD>", "k", "<t>", "<d>"))


def test_deposits_and_withdrawals_are_marked_up_and_down_and_those_at_one_place_once() -> None:
    path = path_of(3)
    flows = tuple(
        (Point(place, Decimal(79498)), Decimal(amount)) for place, amount in ((1, 5), (1, 6), (1, -5), (2, 7))
    )
    marks = drawn(charts.nav_chart(path._replace(flows=flows), "k", "t", "d")).iter("path")
    shapes = Counter(mark.get("d") for mark in marks if mark.get("class") == "f-ink")
    assert sorted(shapes.values()) == [1, 2]


def test_a_bar_says_its_edges_and_its_sessions_where_it_is_pointed_at() -> None:
    picture = drawn(charts.distribution_chart([(-0.005, 0.0, 1), (0.0, 0.005, 0), (0.005, 0.01, 12)], "k", "t", "d"))
    said = [node.text for bar in picture.iter("rect") for node in bar.iter("title")]
    assert said == ["-0.5 % to 0 %: 1 session", "0.5 % to 1 %: 12 sessions"]


def test_ten_years_weigh_little_more_than_one() -> None:
    """A page's weight has a limit, whatever the history."""
    days = [date(2016, 1, 4) + timedelta(days=number) for number in range(2520)]
    made = [((number * 37) % 41 - 19) / 100 for number in range(len(days))]
    year, decade = (charts.return_chart(days[:n], made[:n], "k", "t", "d", made[:n]) for n in (252, 2520))
    assert len(decade) < 25_000
    assert len(decade) < 4 * len(year)


def test_nothing_drawn_has_a_style_or_a_colour_of_its_own() -> None:
    days = [JULY_17 + timedelta(days=number) for number in range(40)]
    flat = [0.01] * len(days)
    for svg in (
        charts.nav_chart(path_of(40), "k", "t", "d"),
        charts.return_chart(days, flat, "k", "t", "d", flat),
        charts.drawdown_chart(days, [-0.01] * 40, "k", "t", "d"),
        charts.distribution_chart([(0.0, 0.01, 4)], "k", "t", "d"),
        charts.rolling_chart(days, flat, flat, "k", "t", "d"),
        charts.day_chart(day_steps(narrate(july_18())), "HKD", "k", "t", "d"),
    ):
        for node in drawn(svg).iter():
            assert "style" not in node.attrib
            assert {node.get("fill", "none"), node.get("stroke", "none")} == {"none"}
        assert drawn(svg).get("aria-labelledby") == "k-title k-desc"
