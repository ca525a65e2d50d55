"""Contracts of ACTUS's own test set: every event, its date and its figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.calculated import answers

FOLDER = Path(__file__).parent / "vectors" / "actus"
CASES = {
    name: case
    for file in ("pam.json", "ann.json")
    for name, case in json.loads((FOLDER / file).read_text(encoding="utf-8")).items()
}
FIGURES = ("payoff", "notionalPrincipal", "nominalInterestRate", "accruedInterest")


def results_of(name: str) -> list[dict[str, Any]]:
    case = CASES[name]
    asked = {"id": name, "terms": case["terms"], "observed": case["dataObserved"], "to": case["to"]}
    (answer,) = answers("bond", "schedule", cases=[asked])
    return answer["result"]["events"]


@pytest.mark.parametrize("name", CASES)
def test_every_event_of_a_case_comes_out(name: str) -> None:
    found, wanted = results_of(name), CASES[name]["results"]
    assert [(each["eventDate"][:16], each["eventType"]) for each in found] == [
        (each["eventDate"][:16], each["eventType"]) for each in wanted
    ]
    for got, want in zip(found, wanted, strict=True):
        # 1e-6 of the amount; where an amount is 0, of a cent.
        assert [float(got[key]) for key in FIGURES] == pytest.approx(
            [float(want[key]) for key in FIGURES], rel=1e-6, abs=1e-8
        ), (got, want)


def test_there_are_all_cases() -> None:
    assert len(CASES) == 29


def test_a_schedule_ends_with_the_day_that_is_asked() -> None:
    terms = CASES["ann19"]["terms"]
    (cut,) = answers("bond", "schedule", cases=[{"id": "a", "terms": terms, "to": "2013-07-01T00:00:00"}])
    assert cut["result"]["events"] == results_of("ann19")
    (cut,) = answers("bond", "schedule", cases=[{"id": "a", "terms": terms, "to": "2013-06-30"}])
    assert [each["eventDate"] for each in cut["result"]["events"]][-1] == "2013-06-01T00:00"


def test_a_case_that_cannot_be_computed_says_what_to_correct() -> None:
    terms = CASES["pam21"]["terms"]
    observed = CASES["pam21"]["dataObserved"]
    gap = {"USD_SWP": {"data": observed["USD_SWP"]["data"][:2]}}
    bad = {"USD_SWP": {"data": [{"timestamp": "2013-02-31", "value": "0.1"}]}}
    twice = {"USD_SWP": {"data": [*gap["USD_SWP"]["data"], {"timestamp": "2013-02-01", "value": "1"}]}}
    messages = [
        answer["error"]["message"]
        for answer in answers(
            "bond",
            "schedule",
            cases=[
                {"terms": terms, "observed": gap},
                {"terms": terms | {"marketObjectCodeOfRateReset": ""}},
                {"terms": terms, "observed": bad},
                {"terms": terms, "observed": twice},
                {"terms": terms, "observed": {"USD_SWP": []}},
                {"terms": terms, "observed": []},
                {"terms": terms, "to": "soon"},
            ],
        )
    ]
    assert messages == [
        "observed has no value of USD_SWP at 2013-08-01T00:00",
        "marketObjectCodeOfRateReset is missing",
        "observed USD_SWP, row 1: day is out of range for month",
        "observed USD_SWP, row 3: 2013-02-01T00:00 has two values",
        "observed USD_SWP has no list `data`",
        "observed is not an object",
        "to 'soon': it is neither a date nor a date with T00:00:00 or T23:59:59",
    ]


def test_a_reset_after_the_last_day_needs_no_rate() -> None:
    case = CASES["pam21"]
    (answer,) = answers("bond", "schedule", cases=[{"terms": case["terms"], "to": "2013-01-31"}])
    assert [each["eventType"] for each in answer["result"]["events"]] == ["IED", "IP"]
