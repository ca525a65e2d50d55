"""The calculators as programs call them: the labelled pairs and the cases of the lists, through the commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compliance.labelled import VECTORS, Quality, Scored, quality
from tests.processes import run


def answers(home: Path, *arguments: str, code: int = 0) -> Any:
    done = run(home, "compliance", *arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def test_every_labelled_pair_is_compared(tmp_path: Path) -> None:
    pairs = json.loads((VECTORS / "pairs.json").read_text(encoding="utf-8"))["pairs"]
    cases = [{name: pair[name] for name in ("id", "schema", "name1", "name2")} for pair in pairs]
    (tmp_path / "names.json").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    results = answers(tmp_path / "home", "compare", "--input", str(tmp_path / "names.json"))["results"]
    assert [result["id"] for result in results] == [pair["id"] for pair in pairs]
    found = [Scored(result["result"]["score"], pair["match"]) for pair, result in zip(pairs, results, strict=True)]
    assert quality(found, 77) >= Quality(0.77, 0.90, 0.79)
    assert all(result["result"]["match"] == (result["result"]["score"] >= 77) for result in results)


@pytest.mark.parametrize("name", ["targets.simple.csv", "sdn.csv"])
def test_every_case_of_the_lists_is_screened(name: str, tmp_path: Path) -> None:
    answered = answers(
        tmp_path / "home", "screen", "--input", str(VECTORS / "screen.json"), "--list", str(VECTORS / name)
    )
    cases = json.loads((VECTORS / "screen.json").read_text(encoding="utf-8"))["cases"]
    statuses = [result["result"]["status"] for result in answered["results"]]
    assert statuses == [case["expected"]["status"] for case in cases]
    exact = answered["results"][0]["result"]
    assert exact["entity"] == ("NK-f1" if name == "targets.simple.csv" else "9000")
    assert {"entity", "score", "status", "contradiction"} <= exact["matches"][0].keys()


def test_a_case_that_is_refused_costs_the_others_nothing(tmp_path: Path) -> None:
    cases = [
        {"id": 1, "name1": "---", "name2": "Aurelio"},
        {"id": 2, "name1": "Aurelio", "name2": 5},
        {"id": 3, "name1": "Aurelio", "name2": "AURELIO"},
    ]
    (tmp_path / "names.json").write_text(json.dumps({"cases": cases}), encoding="utf-8")
    results = answers(tmp_path / "home", "compare", "--input", str(tmp_path / "names.json"))["results"]
    assert [result.get("error", {}).get("code") for result in results] == ["invalid", "wrong_type", None]
    (tmp_path / "one.json").write_text(json.dumps({"kind": "screen", "party": {"name": ""}}), encoding="utf-8")
    lists = ("--list", str(VECTORS / "sdn.csv"))
    refused = answers(tmp_path / "home", "screen", "--input", str(tmp_path / "one.json"), *lists, code=1)
    assert refused["error"]["code"] == "invalid"


def test_a_list_that_is_none_ends_the_calculator(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("=HYPERLINK(1),2\n")
    for name in ("list.csv", "nowhere.csv"):
        arguments = ("screen", "--input", str(VECTORS / "screen.json"), "--list", str(tmp_path / name))
        assert name in answers(tmp_path / "home", *arguments, code=2)
