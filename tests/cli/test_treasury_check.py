"""`fntx treasury check`: the cases of a file, answered as anybody can check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fntx_dagster.cli import app
from tests.governance.keys import CASES

EXAMPLE = CASES["cases"][0]


def checked(document: Any, code: int = 0) -> Any:
    content = document if isinstance(document, str) else json.dumps(document)
    done = CliRunner().invoke(app, ["treasury", "check", "--input", "-", "--json"], input=content)
    assert done.exit_code == code, done.output
    return json.loads(done.stdout) if code < 2 else None


def test_every_case_has_the_result_that_is_expected_of_it() -> None:
    path = Path(__file__).parents[1] / "governance" / "vectors" / "cases.json"
    done = CliRunner().invoke(app, ["treasury", "check", "--input", str(path), "--json"])
    assert done.exit_code == 0
    results = {each["id"]: each["result"] for each in json.loads(done.stdout)["results"]}
    assert results == {case["id"]: case["expected"] for case in CASES["cases"]}
    assert len(results) == 11


def test_a_single_case_is_its_result() -> None:
    assert checked(EXAMPLE) == EXAMPLE["expected"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("signers", [EXAMPLE["signers"][0]] * 2, "duplicate_signer"),
        ("signers", {}, "wrong_type"),
        ("signers", ["treasury"], "wrong_type"),
        ("decisions", [EXAMPLE["decisions"][0] | {"decision": "Approve"}], "decision"),
        ("decisions", [EXAMPLE["decisions"][0] | {"at": "yesterday"}], "invalid"),
        ("required_roles", [1], "wrong_type"),
        ("now", None, "wrong_type"),
        ("proposal", EXAMPLE["proposal"] | {"threshold": 0}, "threshold"),
        ("proposal", EXAMPLE["proposal"] | {"nonce": "7"}, "wrong_type"),
        ("proposal", EXAMPLE["proposal"] | {"nonce": 2**53}, "invalid"),
        ("kind", "votes", "unknown_kind"),
    ],
)
def test_a_case_that_is_not_of_its_form_is_refused_with_a_code(field: str, value: Any, code: str) -> None:
    assert checked(EXAMPLE | {field: value}, 1)["error"]["code"] == code


@pytest.mark.parametrize("signature", ["", "zz", "8910a4cf 96", "89" * 5000, "\u0663\u0663"])
def test_a_signature_that_is_none_counts_for_nothing(signature: str) -> None:
    first, second = EXAMPLE["decisions"]
    result = checked(EXAMPLE | {"decisions": [first | {"signature": signature}, second]})
    assert result["invalid"] == [{"signer": "treasury", "reason": "bad_signature"}]
    assert result["approvals"] == ["compliance"]


def test_a_name_that_stands_twice_is_refused() -> None:
    twice = json.dumps(EXAMPLE).replace('"amount":', '"destination": "rC", "amount":', 1)
    assert checked(twice, 1)["error"]["code"] == "duplicate_name"


def test_a_file_that_is_no_json_cannot_be_read() -> None:
    checked("{", 2)
