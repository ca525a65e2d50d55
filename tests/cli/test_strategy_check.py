"""`fntx strategy check`: the cases of a file, answered as anybody can check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from tests.calculated import answers

VECTORS = Path(__file__).parents[1] / "execution" / "vectors" / "cases.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
TWAP, VWAP, LIMIT, RISK = (
    next(case for case in CASES if case["id"] == name) for name in ("twap-4", "vwap", "limit", "accept")
)


def test_every_case_has_the_result_that_is_expected_of_it() -> None:
    done = CliRunner().invoke(app, ["strategy", "check", "--input", str(VECTORS), "--json"])
    assert done.exit_code == 0
    results = {each["id"]: each["result"] for each in json.loads(done.stdout)["results"]}
    assert results == {case["id"]: case["expected"] for case in CASES}
    assert len(results) == 9


@pytest.mark.parametrize(
    ("case", "code"),
    [
        (TWAP | {"kind": "slice"}, "unknown_kind"),
        (TWAP | {"strategy": "iceberg"}, "strategy"),
        (TWAP | {"quantity": 1000}, "wrong_type"),
        (TWAP | {"quantity": "1_000"}, "number"),
        (TWAP | {"quantity": "NaN"}, "number"),
        (TWAP | {"quantity": "0"}, "invalid"),
        (TWAP | {"quantity": "-1"}, "invalid"),
        (TWAP | {"decimals": True}, "wrong_type"),
        (TWAP | {"slices": "4"}, "wrong_type"),
        (TWAP | {"slices": 1001}, "invalid"),
        (TWAP | {"start": "2026-11-30"}, "invalid"),
        (TWAP | {"end": TWAP["start"]}, "invalid"),
        ({name: value for name, value in VWAP.items() if name != "profile"}, "missing_field"),
        (VWAP | {"profile": []}, "invalid"),
        (VWAP | {"profile": [1]}, "invalid"),
        (VWAP | {"profile": [VWAP["profile"][0] | {"volume": "-1"}]}, "invalid"),
        (LIMIT | {"slices": 0}, "invalid"),
        (RISK | {"state": "stopped"}, "invalid"),
        (RISK | {"equity": 1.5}, "wrong_type"),
        (RISK | {"open_orders": "0"}, "wrong_type"),
        (RISK | {"order": RISK["order"] | {"mid": "0"}}, "invalid"),
        (RISK | {"limits": {}}, "missing_field"),
    ],
)
def test_a_case_that_is_not_of_its_form_is_refused_with_a_code(case: dict[str, Any], code: str) -> None:
    (answer,) = answers("strategy", "check", cases=[case])
    assert answer["error"]["code"] == code


def test_a_percentage_is_cut_after_six_decimals() -> None:
    (answer,) = answers("strategy", "check", cases=[RISK | {"equity_start": "300000", "equity": "299999"}])
    assert answer["result"]["loss_pct"] == "0.000333"
    (answer,) = answers("strategy", "check", cases=[RISK | {"equity_start": "3", "equity": "2.94"}])
    assert answer["result"]["loss_pct"] == "2.000000"


def test_the_help_keeps_it_apart_from_the_strategies_of_the_record() -> None:
    shown = " ".join(CliRunner().invoke(app, ["strategy", "--help"]).stdout.split())
    assert "XRP Ledger" in shown
    assert "`fntx strategies`" in shown
