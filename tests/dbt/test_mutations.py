"""No wrong number of a statement passes unnoticed: each ends in a failed check, a warning or another signed figure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fntx_dagster.adapters.flex.sections import DATE, MOMENT, SECTIONS, TEXT
from tests.dbt.conftest import Platform
from tests.mutations import EXEMPT, judged, month, numbers, wrong, wrong_documents


@pytest.mark.slow
def test_a_wrong_number_of_a_statement_is_noticed(platform: Platform, tmp_path: Path) -> None:
    right = month(1)
    verdicts = judged(platform, tmp_path, right, wrong_documents(right, each=1, seed=1))
    unnoticed = {verdict.attribute: verdict.what for verdict in verdicts if not verdict.noticed}
    assert {name: what for name, what in unnoticed.items() if name not in EXEMPT} == {}
    assert set(EXEMPT) - set(unnoticed) == set(), "an exemption that nothing needs any more"
    # a NAV that its parts do not make warns, though it is a signed figure
    loud = [v for v in verdicts if v.attribute == "shift" or v.attribute.startswith(("ChangeInNAV.", "EquitySummary"))]
    assert {verdict.attribute for verdict in loud if verdict.noticed == "figure"} == set()
    assert len(loud) == 9 + 17 + 7
    together = [verdict for verdict in verdicts if verdict.attribute == "pair"]
    assert {verdict.what: verdict.noticed for verdict in together if verdict.noticed in ("figure", "")} == {}
    assert len(together) == 20 + 11 + 2


@pytest.mark.slow
def test_a_wrong_number_is_noticed_on_a_holiday_in_a_currency_not_held_and_at_an_end_without_a_price(
    platform: Platform, tmp_path: Path
) -> None:
    right = month(2)
    rare = ("OpenPosition.m", "Trade.multiplier", "ConversionRate.", "Transfer.")
    documents = {
        what: (name, document)
        for what, (name, document) in wrong_documents(right, each=4, seed=2).items()
        if name.startswith(rare)
    }
    documents |= {
        number.attribute: (number.attribute, wrong(right, number))
        for number in numbers(right)
        if number.attribute.startswith(("InterestAccruals", "ChangeInNAV.endingValue", "ChangeInNAV.startingValue"))
        and 'toDate="20250704"' in number.row
    }
    assert len(documents) == 42 + 7
    assert [verdict.what for verdict in judged(platform, tmp_path, right, documents) if not verdict.noticed] == []


def test_every_number_of_every_row_is_among_those_that_are_tried() -> None:
    right = month(1)
    texts = {
        column.attribute for section in SECTIONS for column in section.columns if column.kind in (TEXT, DATE, MOMENT)
    }
    delivered = {
        f"{tag}.{name}"
        for tag, row in re.findall(r"<(\w+)( accountId=.*) />", right)
        for name, value in re.findall(r' (\w+)="(-?[\d.]+)"', row)
        if name not in texts
    }
    assert {number.attribute.partition(" of ")[0] for number in numbers(right)} == delivered
