"""How the parts of a drawing are written."""

from __future__ import annotations

from itertools import groupby
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.report.drawing import HIGH, WIDE, Range, path, picture, thinned, trail, written

from .paths import spots

COLUMN = 4
SPOTS = st.lists(st.tuples(st.integers(0, WIDE), st.integers(0, HIGH)), min_size=1, max_size=60)
MANY = st.lists(st.tuples(st.integers(0, WIDE), st.integers(0, HIGH)), min_size=1500, max_size=1600)


@given(SPOTS)
def test_a_path_leads_through_the_spots_that_it_was_written_from(places: list[tuple[int, int]]) -> None:
    assert spots(path(places)) == places


def test_a_path_tells_each_spot_from_the_one_before_and_repeats_no_sign() -> None:
    assert path([(0, 500), (8, 488), (12, 497), (12, 400), (20, 400), (30, 390)]) == "M0 500l8-12 4 9v-97h8l10-10"


def test_few_spots_are_all_drawn() -> None:
    few = [(number, number % 7) for number in range(WIDE // COLUMN)]
    assert thinned(few) == few


@given(MANY)
def test_thinning_keeps_the_ends_and_the_extremes_of_each_column(places: list[tuple[int, int]]) -> None:
    places = sorted(places, key=lambda spot: spot[0])
    kept = thinned(places)
    assert len(kept) <= 2 * (WIDE // COLUMN + 1) + 2
    assert (kept[0], kept[-1]) == (places[0], places[-1])
    assert reaches(kept) == reaches(places)
    following = iter(places)
    assert all(spot in following for spot in kept), "in their order"


def reaches(places: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    reached = []
    for column, members in groupby(places, lambda spot: spot[0] // COLUMN):
        heights = [height for _, height in members]
        reached.append((column, min(heights), max(heights)))
    return reached


def test_a_stepped_line_moves_where_the_next_place_is() -> None:
    panel = picture("k", "t", "d", "chart", "100")
    panel.line(trail([(0.0, 0.0), (0.5, 1.0), (1.0, 1.0)], stepped=True), "step", 1)
    [line] = panel.element.iter("path")
    assert spots(line.get("d", "")) == [(0, HIGH), (WIDE // 2, HIGH), (WIDE // 2, 0), (WIDE, 0)]


def test_an_area_lies_between_its_line_and_its_floor() -> None:
    panel = picture("k", "t", "d", "chart", "100")
    panel.area(trail([(0.0, 0.5), (1.0, 1.0)]), "wash", 0.5)
    [area] = panel.element.iter("path")
    assert area.get("d", "").endswith("z")
    assert spots(area.get("d", "")) == [(0, 500), (0, 500), (WIDE, 0), (WIDE, 500)]


def test_a_picture_is_an_image_with_a_title_and_a_description_that_are_text() -> None:
    root = ElementTree.fromstring(written(picture("a1", "<b>", "a & b\u202e", "chart", "100")))
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "a1-title a1-desc")
    assert [(node.tag, node.get("id"), node.text) for node in root] == [
        ("title", "a1-title", "<b>"),
        ("desc", "a1-desc", "a & b\ufffd"),
    ]


def test_a_bar_is_seen_however_short_it_is() -> None:
    panel = picture("k", "t", "d", "chart rows", "1em")
    panel.beam((0.5, 0.5), 0.5, "gain")
    assert [bar.get("width") for bar in panel.element.iter("rect")] == ["0%", "2"]


def test_a_range_places_its_ends_at_its_ends() -> None:
    assert [Range(-2.0, 6.0).part(value) for value in (-2.0, 0.0, 6.0)] == [0.0, 0.25, 1.0]
