"""Cases in, results out: every case is answered in its place, and what is ambiguous is refused."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest

from fntx_dagster.errors import Permanent
from fntx_dagster.services import calculators
from fntx_dagster.services.calculators import CaseRefused, by_kind, field, parsed, read_document, results


def half(case: dict[str, Any]) -> dict[str, Any]:
    number = field(case, "number", int)
    if number % 2:
        raise CaseRefused("odd", f"{number} is odd")
    return {"half": number // 2}


def test_every_case_is_answered_in_its_place() -> None:
    document = parsed(b'{"cases": [{"id": "a", "number": 4}, {"id": 7, "number": 3}, {"number": "4"}, 5, {"id": [1]}]}')
    assert results(document, half) == (
        {
            "results": [
                {"id": "a", "result": {"half": 2}},
                {"id": 7, "error": {"code": "odd", "message": "3 is odd"}},
                {"id": None, "error": {"code": "wrong_type", "message": "number is not a whole number"}},
                {"id": None, "error": {"code": "malformed", "message": "the case is not an object"}},
                {"id": None, "error": {"code": "missing_field", "message": "number is missing"}},
            ]
        },
        False,
    )


def test_a_single_case_is_its_result_or_its_error() -> None:
    assert results(parsed(b'{"number": 4}'), half) == ({"half": 2}, False)
    assert results(parsed(b'{"number": 3}'), half) == ({"error": {"code": "odd", "message": "3 is odd"}}, True)


@pytest.mark.parametrize("text", ["true", "1.0", "1e2"])
def test_what_only_resembles_a_whole_number_is_refused(text: str) -> None:
    assert results(parsed(f'{{"number": {text}}}'.encode()), half).document["error"]["code"] == "wrong_type"


def test_a_name_that_stands_twice_refuses_its_case_alone_however_deep() -> None:
    document = parsed(b'{"cases": [{"number": 2, "deep": [{"a": {"b": 1, "b": 1}}]}, {"number": 2}]}')
    refused, held = results(document, half).document["results"]
    assert refused["error"]["code"] == "duplicate_name"
    assert "'b'" in refused["error"]["message"]
    assert held["result"] == {"half": 1}


def test_a_calculator_may_answer_for_a_name_that_stands_twice() -> None:
    answers = results(parsed(b'{"number": 2, "number": 2}'), half, lambda _, name: {"twice": name})
    assert answers == ({"twice": "number"}, False)


def test_a_case_that_nobody_foresaw_costs_no_other_case_its_result() -> None:
    document = {"cases": [{"d": "0"}, {"d": "4"}, {"d": None}, {}]}
    codes = [
        answer.get("error", {}).get("code")
        for answer in results(document, lambda case: {"n": 8 / int(case["d"])}).document["results"]
    ]
    assert codes == ["malformed", None, "malformed", "malformed"]


def test_other_refusals_of_the_house_are_invalid() -> None:
    def refuse(case: dict[str, Any]) -> dict[str, Any]:
        raise Permanent("this is no key", "Give another")

    assert results({}, refuse).document["error"] == {"code": "invalid", "message": "this is no key"}


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"{", b'{"a": NaN}', b"[" * 100_000, b'{"a": 1}{', b'{"n": ' + b"9" * 5000 + b"}"]
)
def test_what_is_not_json_cannot_be_read(content: bytes) -> None:
    with pytest.raises(Permanent, match="cannot be read"):
        parsed(content)


@pytest.mark.parametrize("content", [b"[]", b"1", b'{"cases": {}}', b'{"cases": [], "cases": []}'])
def test_what_is_no_document_of_cases_is_refused(content: bytes) -> None:
    with pytest.raises(Permanent):
        results(parsed(content), half)


def test_a_file_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calculators, "MOST_BYTES", 10)
    assert read_document(BytesIO(b"1234567890")) == b"1234567890"
    with pytest.raises(Permanent, match="more than 10 bytes"):
        read_document(BytesIO(b"12345678901"))


def test_a_kind_chooses_the_calculator() -> None:
    calculate = by_kind({"half": half})
    assert results({"kind": "half", "number": 2}, calculate).document == {"half": 1}
    for kind in ("third", None, ["half"]):
        assert results({"kind": kind}, calculate).document["error"]["code"] == "unknown_kind"
