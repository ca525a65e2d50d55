"""The calendar of daily returns as it is drawn."""

from __future__ import annotations

from datetime import date
from xml.etree import ElementTree

from fntx_dagster.report.heat_map import heat_map

FEBRUARY = [
    (date(2025, 1, 31), 0.01),
    (date(2025, 2, 3), -0.0123),
    (date(2025, 2, 4), None),
    (date(2025, 2, 14), 0.02),
    (date(2025, 2, 28), 0.0),
]


def leaves(drawn: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(drawn).findall("svg")


def texts(leaf: ElementTree.Element, name: str) -> list[str]:
    return [node.text or "" for node in leaf.iter("text") if name in node.get("class", "").split()]


def test_each_month_has_a_leaf_that_says_its_return_and_its_days() -> None:
    january, february = leaves(heat_map(FEBRUARY, "k", "Daily returns", "d"))
    assert [january.findtext("title"), february.findtext("title")] == ["January 2025", "February 2025"]
    assert january.findtext("desc") == "+1.00 %; 1 of 1 sessions gained, 0 lost"
    assert february.findtext("desc") == "+0.75 %; 1 of 4 sessions gained, 1 lost", "(1 - 0.0123) x 1.02 - 1"
    assert february.get("aria-labelledby") == "k-2025-02-title k-2025-02-desc"


def test_a_cell_says_its_day_and_its_figure_with_its_sign_and_no_colour_stands_alone() -> None:
    [_, february] = leaves(heat_map(FEBRUARY, "k", "t", "d"))
    assert texts(february, "date") == ["3", "4", "14", "28"]
    assert texts(february, "made") == ["-1.2", "–", "+2.0", "+0.0"]
    cells = list(february.iter("rect"))
    assert [cell.get("class") for cell in cells] == ["f-loss", "f-grid", "f-gain", "f-grid"]
    assert [cell.findtext("title") for cell in cells][:2] == ["2025-02-03: -1.23 %", "2025-02-04: undefined"]


def test_a_session_lies_in_the_row_of_its_week_and_the_column_of_its_weekday() -> None:
    [_, february] = leaves(heat_map(FEBRUARY, "k", "t", "d"))
    places = [(cell.get("x"), cell.get("y")) for cell in february.iter("rect")]
    assert [x for x, _ in places] == ["0%", "20%", "80%", "80%"]
    rows = [float((y or "").removesuffix("%")) * 5.5 / 100 - 1.5 for _, y in places]
    assert [round(row, 2) for row in rows] == [0, 0, 1, 3]
    assert texts(february, "weekday") == ["Mo", "Tu", "We", "Th", "Fr"]


def test_a_market_that_never_closes_has_its_weekends() -> None:
    [leaf] = leaves(heat_map([(date(2025, 2, 1), 0.01), (date(2025, 2, 2), -0.01)], "k", "t", "d"))
    assert texts(leaf, "weekday") == ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"]
    assert [cell.get("x") for cell in leaf.iter("rect")] == ["71.43%", "85.71%"]


def test_a_cell_leads_to_its_day_where_an_address_is_given() -> None:
    [january, _] = leaves(heat_map(FEBRUARY, "k", "t", "d", "/a/1/day/{}".format))
    [link] = january.iter("a")
    assert (link.get("href"), link[0].text) == ("/a/1/day/2025-01-31", "2025-01-31: +1.00 %")
    assert january.get("role") == "group", "what lies in an image leads nowhere"


def test_no_days_make_no_leaves() -> None:
    assert leaves(heat_map([], "k", "t", "d")) == []
