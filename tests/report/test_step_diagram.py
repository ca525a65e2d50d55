"""The picture of a table of steps: every state once, an arc for each way, and nothing that a page has to distrust."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from fntx_dagster.governance.machines import MACHINES
from fntx_dagster.report.step_diagram import step_diagram

SVG = re.compile(r"\sstyle=|<script|\son\w+=|href=")


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_is_named_once_and_every_way_is_an_arc(name: str) -> None:
    ways = [(step.state, step.next) for step in MACHINES[name]]
    text = step_diagram(f"Steps of {name}", ways)
    root = ET.fromstring(text)
    named = [each.text for each in root.iter("text")]
    assert sorted(named) == sorted({state for way in ways for state in way})  # pyright: ignore[reportArgumentType]  # no text is empty
    lines = [each for each in root.iter("path") if each.get("fill") == "none"]
    assert len(lines) == len({*ways})
    assert not SVG.search(text)


def test_ways_back_are_told_from_ways_on_and_ends_from_the_rest() -> None:
    root = ET.fromstring(step_diagram("Two", [("open", "closed"), ("closed", "open"), ("closed", "gone")]))
    assert [each.get("class") for each in root.iter("path") if each.get("fill") == "none"] == [
        *("s-ink", "s-accent", "s-ink")
    ]
    assert [each.text for each in root.iter("text") if each.get("font-weight")] == ["gone"]


def test_every_arc_lies_within_the_picture() -> None:
    for machine in MACHINES.values():
        root = ET.fromstring(step_diagram("x", [(step.state, step.next) for step in machine]))
        width, height = float(root.get("width", "0")), float(root.get("height", "0"))
        for path in root.iter("path"):
            if path.get("fill") == "none":
                x0, y0, x1, y1, x2, y2, x3, y3 = map(float, re.findall(r"-?[\d.]+", path.get("d", "")))
                for part in range(11):
                    t = part / 10
                    x = (1 - t) ** 3 * x0 + 3 * (1 - t) ** 2 * t * x1 + 3 * (1 - t) * t**2 * x2 + t**3 * x3
                    y = (1 - t) ** 3 * y0 + 3 * (1 - t) ** 2 * t * y1 + 3 * (1 - t) * t**2 * y2 + t**3 * y3
                    assert (0 <= x <= width, 0 <= y <= height) == (True, True)


def test_a_name_with_markup_is_text() -> None:
    root = ET.fromstring(step_diagram('a "b" <c>', [("<b>x</b>", "y")]))
    assert (root.get("aria-label"), next(root.iter("text")).text) == ('a "b" <c>', "<b>x</b>")
