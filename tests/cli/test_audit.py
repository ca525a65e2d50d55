"""The audit log from a terminal: every published vector through the command, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from fntx_dagster.cli import app
from tests.audit.vectors_of import FILES, cases, whole_proof


def checked(folder: Path, text: str) -> Result:
    file = folder / "cases.json"
    file.write_text(text, encoding="utf-8")
    return CliRunner().invoke(app, ["audit", "check", "--input", str(file), "--json"])


def answer(folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    return json.loads(checked(folder, json.dumps({"cases": [case]})).stdout)["results"][0]


@pytest.mark.parametrize("name", FILES)
def test_every_vector_has_its_result(name: str, tmp_path: Path) -> None:
    given = cases(name)
    done = checked(tmp_path, json.dumps({"cases": given}))
    assert done.exit_code == 0
    results = json.loads(done.stdout)["results"]
    assert [result["id"] for result in results] == [case["id"] for case in given]
    for case, result in zip(given, results, strict=True):
        expected = case["expected"]
        if "error" in expected:
            assert set(result["error"]) == {"code", "message"}, case["id"]
        else:
            assert expected.items() <= result["result"].items(), case["id"]


def test_a_single_case_that_is_refused_has_exit_code_1_and_an_unreadable_file_2(tmp_path: Path) -> None:
    root = checked(tmp_path, '{"kind": "root", "leaves": []}')
    assert (root.exit_code, json.loads(root.stdout)["root"][:8]) == (0, "e3b0c442")
    refused = checked(tmp_path, '{"kind": "root", "leaves": ["0"]}')
    assert (refused.exit_code, json.loads(refused.stdout)["error"]["code"]) == (1, "bad_leaf")
    assert checked(tmp_path, "{").exit_code == 2
    missing = CliRunner().invoke(app, ["audit", "check", "--input", str(tmp_path / "none.json"), "--json"])
    assert missing.exit_code == 2


def test_a_proof_whose_file_has_a_name_twice_does_not_hold(tmp_path: Path) -> None:
    """One reader would see one ledger, another reader the other."""
    proof = whole_proof()
    whole = json.dumps(proof)
    text = whole.replace('"ledger": "evm"', '"ledger": "moon", "ledger": "evm"')
    assert json.loads(text) == proof
    case = f'{{"kind": "proof", "id": "twice", "proof": {text}}}'
    [result] = json.loads(checked(tmp_path, f'{{"cases": [{case}]}}').stdout)["results"]
    assert result["result"] == {"holds": False, "reason": "the name 'ledger' stands twice in one object"}
    assert answer(tmp_path, {"kind": "proof", "proof": text})["result"]["holds"] is False
    assert answer(tmp_path, {"kind": "proof", "proof": whole})["result"] == {"holds": True, "reason": None}


@pytest.mark.parametrize(
    "case",
    [
        {
            "kind": "inclusion",
            "leaf_index": 0.0,
            "tree_size": 1,
            "leaf_hash": "00" * 32,
            "root": "00" * 32,
            "proof": [],
        },
        {"kind": "inclusion", "leaf_index": 0, "tree_size": 1, "leaf_hash": "00" * 32, "root": "00" * 32},
        {"kind": "inclusion"},
        {"kind": "consistency", "size1": True, "size2": 1, "root1": "00" * 32, "root2": "00" * 32, "proof": []},
        {"kind": "consistency", "size1": 1, "size2": 1, "root1": 5, "root2": None, "proof": "x"},
        {"kind": "proof", "proof": None},
        {"kind": "proof"},
        {"kind": "proof", "proof": "\ud800"},
        {"kind": "proof", "proof": {"format": [], "event": {}}},
    ],
)
def test_a_malformed_proof_does_not_hold_and_is_no_error(case: dict[str, Any], tmp_path: Path) -> None:
    assert answer(tmp_path, case)["result"]["holds"] is False


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ({"kind": "prove_inclusion", "leaves": ["", ""], "leaf_index": 2, "tree_size": 2}, "out_of_range"),
        ({"kind": "prove_inclusion", "leaves": ["", ""], "leaf_index": 0, "tree_size": 3}, "out_of_range"),
        ({"kind": "prove_consistency", "leaves": ["", ""], "size1": 0, "size2": 2}, "out_of_range"),
        ({"kind": "prove_consistency", "leaves": ["", ""], "size1": 2, "size2": 1}, "out_of_range"),
        ({"kind": "root", "leaves": ["AB"]}, "bad_leaf"),
        ({"kind": "jcs", "json": "1", "profile": "loose"}, "unknown_profile"),
        ({"kind": "jcs", "json": '"\ud800"'}, "not_canonical"),
        ({"kind": "jcs", "json": "1.0", "profile": "audit"}, "not_canonical"),
        ({"kind": "unseal", "key": "k", "line": {}}, "bad_key"),
        ({"kind": "unseal", "key": "00" * 32, "line": {"seq": 0}}, "not_opened"),
        ({"kind": "tree"}, "unknown_kind"),
    ],
)
def test_what_cannot_be_made_or_opened_is_an_error_with_a_code(case: dict[str, Any], code: str, tmp_path: Path) -> None:
    assert answer(tmp_path, case)["error"]["code"] == code
