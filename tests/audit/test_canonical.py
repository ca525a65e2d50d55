"""Canonical JSON: one way to write, and no two ways to read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.audit.canonical import MOST, canonical, read_strictly
from fntx_dagster.errors import Permanent

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST, MOST) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
)


@given(values)
def test_what_is_written_is_read_as_the_same_value_and_written_again_alike(value: Any) -> None:
    written = canonical(value)
    assert read_strictly(written) == value
    assert canonical(json.loads(written)) == written
    for profile in ("any", "audit"):
        assert canonical(read_strictly(json.dumps(value, indent=3), profile), profile) == written


@given(st.dictionaries(texts, st.integers(0, 9), min_size=2))
def test_names_stand_in_the_order_of_their_utf_16_units(value: dict[str, int]) -> None:
    names = [*json.loads(canonical(value))]
    assert names == sorted(value, key=lambda name: name.encode("utf-16-be"))


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,"a":1}',
        '{"a":1,"\\u0061":1}',
        '[{"deep":{"b":1,"b":2}}]',
        "NaN",
        "[Infinity]",
        "-Infinity",
        "1.5",
        "1.0",
        "1e2",
        "9007199254740992",
        "-9007199254740992",
        '"\\ud800"',
        '{"\\udc00":1}',
        '"\\ud83d"',
        "",
        "[1,]",
        "{'a':1}",
        '"\t"',
        "01",
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        "1 2",
        "\ufeff1",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(Permanent):
        read_strictly(text)


def test_what_is_no_utf_8_is_refused() -> None:
    for content in (b'"\xff"', b'"\xed\xa0\x80"', "1".encode("utf-16")):
        with pytest.raises(Permanent):
            read_strictly(content)


@pytest.mark.parametrize(
    "value", [1.5, 1.0, float("nan"), 2**53, "\ud800", {"\ud800": 1}, {1: 2}, b"x", {"a": {1}}, [[[0.5]]], object()]
)
def test_a_value_without_one_form_is_not_written(value: Any) -> None:
    with pytest.raises(Permanent):
        canonical(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("9007199254740993", "9007199254740992"),
        ("1" + "0" * 30, "1e+30"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1e-7", "1e-7"),
        ("123456789012345680000", "123456789012345680000"),
    ],
)
def test_profile_any_writes_numbers_as_the_doubles_that_they_are(text: str, written: str) -> None:
    assert canonical(read_strictly(text, "any"), "any").decode() == written


@pytest.mark.parametrize("text", ["1e400", "1" + "0" * 400, "NaN", '{"a":1,"a":1}', '"\\ud800"'])
def test_profile_any_refuses_what_is_no_double_and_what_is_ambiguous(text: str) -> None:
    with pytest.raises(Permanent):
        read_strictly(text, "any")
