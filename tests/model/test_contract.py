from __future__ import annotations

import re
from pathlib import Path

import pytest

from fntx_dagster.model.contract import OPTIONS, Contract, is_option

DBT = Path(__file__).parents[2] / "dbt"


def test_dbt_knows_the_same_options_as_the_model() -> None:
    macro = (DBT / "macros" / "options.sql").read_text(encoding="utf-8")
    (categories,) = re.findall(r"\{\{ asset_category \}\} in \((.*)\)", macro)
    assert tuple(re.findall(r"'(\w+)'", categories)) == OPTIONS


def test_no_model_of_dbt_lists_the_options_by_itself() -> None:
    listed = re.compile(r"in \('OPT', ?'FOP'\)|= '(?:OPT|FOP)'", re.I)
    assert [path.name for path in (DBT / "models").rglob("*.sql") if listed.search(path.read_text("utf-8"))] == []


@pytest.mark.parametrize(
    ("category", "put_call", "expected"),
    [("OPT", "C", True), ("FOP", "P", True), ("OPT", None, True), ("WAR", "C", False), ("STK", None, False)],
)
def test_an_option_is_one_by_its_category_and_a_warrant_is_none(
    category: str, put_call: str | None, expected: bool
) -> None:
    assert is_option(Contract("1", "ACME", "", category, put_call=put_call)) is expected
