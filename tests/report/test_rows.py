"""Drawings of a row for each amount."""

from __future__ import annotations

from decimal import Decimal
from xml.etree import ElementTree

from fntx_dagster.report.rows import Used, difference_chart, limits_chart

PARTS = [("Marks, released by the assignment", Decimal("31.39")), ("FX", Decimal("-0.37"))]


def rows(svg: str) -> list[tuple[str, str]]:
    texts = [node.text or "" for node in ElementTree.fromstring(svg).iter("text")]
    return [*zip(texts[::2], texts[1::2], strict=True)]


def bars(svg: str) -> list[tuple[str, float, float]]:
    """(role, from, to) of each bar in per cent of the width."""
    found = []
    for node in ElementTree.fromstring(svg).iter("rect"):
        left, width = node.get("x", ""), node.get("width", "")
        if width.endswith("%"):
            start = float(left.removesuffix("%"))
            found.append((node.get("class", ""), start, round(start + float(width.removesuffix("%")), 2)))
    return found


def test_a_difference_is_its_parts_what_is_unexplained_and_their_sum() -> None:
    svg = difference_chart(PARTS, Decimal("0.0034"), "HKD", "k", "t")
    assert rows(svg) == [("Marks", "+31.39"), ("FX", "-0.37"), ("Unexplained", "+0.0034"), ("In sum", "+31.02")]
    assert ElementTree.fromstring(svg).findtext("desc") == (
        "Marks, released by the assignment: +31.39; FX: -0.37; Unexplained: +0.0034; In sum: +31.02. Amounts in HKD."
    )


def test_what_is_negative_lies_left_of_the_line_and_what_is_positive_right_of_it() -> None:
    svg = difference_chart([("a", Decimal(30)), ("b", Decimal(-10))], Decimal(0), "HKD", "k", "t")
    assert bars(svg) == [("f-gain", 25, 100), ("f-loss", 0, 25), ("f-accent", 25, 75)]
    assert rows(svg)[2] == ("Unexplained", "0.00"), "without a bar, and said"


def test_a_difference_of_nothing_is_drawn() -> None:
    svg = difference_chart([], Decimal(0), "HKD", "k", "t")
    assert bars(svg) == []
    assert rows(svg) == [("Unexplained", "0.00"), ("In sum", "0.00")]


def test_a_limit_says_how_much_of_it_is_used_and_that_it_is_passed() -> None:
    limits = [
        Used("Orders", Decimal(1), Decimal(4), "1 of 4"),
        Used("Loss", Decimal(12), Decimal(10), "12 of 10 USD"),
        Used("Lots", Decimal(0), Decimal(3), "0 of 3"),
        Used("Shorts", Decimal(0), Decimal(0), "0 of 0"),
    ]
    svg = limits_chart(limits, "k", "t")
    assert rows(svg) == [
        ("Orders: 1 of 4", "25 %"),
        ("Loss: 12 of 10 USD", "over"),
        ("Lots: 0 of 3", "0 %"),
        ("Shorts: 0 of 0", "none allowed"),
    ]
    used = [bar for bar in bars(svg) if bar[0] != "f-grid"]
    assert used == [("f-accent", 0, 25), ("f-loss", 0, 100)]
    assert (ElementTree.fromstring(svg).findtext("desc") or "").startswith(
        "Orders: 1 of 4, 25 %; Loss: 12 of 10 USD, over;"
    )
