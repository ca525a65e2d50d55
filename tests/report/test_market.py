"""What the parts of a day's difference are called."""

from fntx_dagster.model.difference import PARTS
from fntx_dagster.report.market import PART_LABELS


def test_every_part_of_the_difference_has_a_label_and_every_label_a_part() -> None:
    assert {*PART_LABELS} == {*PARTS}
