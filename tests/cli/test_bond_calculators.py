"""`fntx bond waterfall` and `fntx bond schedule`: the cases of a file, answered without a database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from fntx_dagster.cli import app
from fntx_dagster.settings import DOCUMENTATION
from tests.calculated import answers

PATH = Path(__file__).parents[1] / "bonds" / "vectors" / "waterfall.json"
CASES = json.loads(PATH.read_text(encoding="utf-8"))["cases"]


def answered(document: Any, code: int = 0) -> Any:
    done = CliRunner().invoke(app, ["bond", "waterfall", "--input", "-", "--json"], input=json.dumps(document))
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_every_case_has_the_distribution_that_is_expected_of_it() -> None:
    done = CliRunner().invoke(app, ["bond", "waterfall", "--input", str(PATH), "--json"])
    assert done.exit_code == 0
    *right, refused = json.loads(done.stdout)["results"]
    assert [each["result"] for each in right] == [case["expected"] for case in CASES[:-1]]
    assert refused["id"] == "refused-finer-than-cents"
    assert "deal.available is '100.001'" in refused["error"]["message"]


def test_a_single_case_is_its_distribution_or_its_error() -> None:
    assert answered(CASES[0]) == CASES[0]["expected"]
    assert answered({"id": "a", "deal": {}}, 1)["error"]["message"] == "deal.decimals is missing"
    assert answered({"id": "a"}, 1)["error"]["code"] == "missing_field"


def test_the_files_of_the_page_are_computed_as_they_stand() -> None:
    page = (DOCUMENTATION / "bonds.md").read_text(encoding="utf-8")
    contracts, deals = (json.loads(text)["cases"] for text in re.findall(r"```json\n(.*?)```", page, re.DOTALL)[:2])
    (schedule,) = answers("bond", "schedule", cases=contracts)
    assert [event["payoff"] for event in schedule["result"]["events"]] == ["-12500"] * 4 + ["-1000000"]
    (distribution,) = answers("bond", "waterfall", cases=deals)
    assert [each["amount"] for each in distribution["result"]["payments"][1:3]] == ["8333.33", "4166.67"]
