"""What the parts of a day's difference are called."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from fntx_dagster.model.day import Day
from fntx_dagster.model.difference import PARTS
from fntx_dagster.report.market import PART_LABELS
from fntx_dagster.report.story import narrate

from .role_model import july_17, july_18, quiet_day


def test_every_part_of_the_difference_has_a_label_and_every_label_a_part() -> None:
    assert {*PART_LABELS} == {*PARTS}


def marked(day: Day, mark: str, released: str = "0") -> list[str]:
    """The lines of the close about a difference that is mark-to-market alone, without the sums."""
    changes = {"difference_parts": {"mark_to_market": Decimal(mark)}, "released_marks": Decimal(released)}
    story = narrate(replace(day, **changes, difference=Decimal(mark)))
    lines = [line.plain for line in story.paragraphs[-1].lines]
    return [line for line in lines if line.split(":")[0] not in ("Unexplained", "Closing NAV", "Event")]


def test_new_marks_and_released_ones_are_told_apart() -> None:
    lines = marked(july_17(), "100", "-30")
    assert "Open positions marked to the closing prices: +130.00 HKD" in lines
    assert "Earlier marks of positions that trades closed, released: -30.00 HKD" in lines
    assert (
        "Mark-to-Market P&L: The broker calculates +130.00 HKD on these open positions; the rest of the difference "
        in (lines[0][: len(lines[0]) - len("is beside them.")])
    )
    assert marked(july_17(), "100")[0].endswith(
        "The broker calculates the day's unrealised P&L on these open positions."
    )


@pytest.mark.parametrize(
    ("day", "label"),
    [
        (quiet_day(), "FX translation of balances in other currencies"),
        (replace(july_18(), open_at_close=()), "Positions that ended, against their last closing marks"),
        (july_18(), "Expiring options carried at their closing marks"),
        (july_17(), "Open positions marked to the closing prices"),
    ],
    ids=["nothing held and nothing traded", "nothing held at the close", "all expires that night", "held"],
)
def test_what_is_called_a_mark_is_one(day: Day, label: str) -> None:
    assert f"{label}: +0.09 HKD" in marked(day, "0.09")
