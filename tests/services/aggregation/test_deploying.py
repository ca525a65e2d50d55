"""A file that describes no pool is refused before a chain is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fntx_dagster.curve.group import GENERATOR, times, write_wide
from fntx_dagster.errors import Permanent
from fntx_dagster.services.aggregation.deploying import deploy
from fntx_dagster.settings import Settings


def trustee(number: int, **change: Any) -> dict[str, Any]:
    box_key = write_wide(times(GENERATOR, number))
    return {"address": f"0x{number:040x}", "box_key": f"0x{box_key.hex()}", **change}


TWO = [trustee(1), trustee(2)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({"currency": 5}, "currency is not"),
        ({"currency": "usd"}, "currency is not"),
        ({"bond": "abc"}, "bond is not"),
        ({"bond": 5}, "bond is not"),
        ({"bond": "-1"}, "bond is not"),
        ({"bond": f"{1 << 256}"}, "bond is not"),
        ({"registrar": "0x12"}, "registrar is"),
        ({"scale": True}, "scale is no number"),
        ({"scale": 256}, "scale is no number"),
        ({"min_users": 1 << 32}, "min_users is no number"),
        ({"min_age": -1}, "min_age is no number"),
        ({"form_seconds": "1"}, "form_seconds is no number"),
        ({"threshold": 3}, "threshold is not"),
        ({"threshold": 0}, "threshold is not"),
        ({"bonds": "1"}, "bonds: no such term"),
        ({"trustees": []}, "trustees are not 1 to 9"),
        ({"trustees": {}}, "trustees are not 1 to 9"),
        ({"trustees": [trustee(number) for number in range(1, 11)]}, "trustees are not 1 to 9"),
        ({"trustees": [5]}, "trustee 0 does not have exactly the keys"),
        ({"trustees": [trustee(1, address=5), trustee(2)]}, "trustee 0: address is none"),
        ({"trustees": [trustee(1), trustee(2, box_key="0x00")]}, "trustee 1: box_key is not"),
        ({"trustees": [trustee(1), trustee(2, box_key="0x" + "11" * 96)]}, "trustee 1: box_key is no point"),
        ({"trustees": [trustee(1), trustee(2, box_key="0x" + "00" * 96)]}, "trustee 1: box_key is the identity"),
        ({"trustees": [trustee(1), trustee(2, box_key=trustee(1)["box_key"])]}, "is there twice"),
        ({"trustees": [trustee(10), trustee(2, address="0x" + f"{10:040X}")]}, "is there twice"),
    ],
)
def test_a_term_that_no_pool_can_have_is_named(tmp_path: Path, content: dict[str, Any], why: str) -> None:
    with pytest.raises(Permanent, match=why):
        deploy(Settings(home=tmp_path / "none"), json.dumps({"trustees": TWO, **content}))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "[" * 100_000, '{"a":' * 2_000, '{"trustees":[],"trustees":[]}', '{"scale":NaN}', "\xff"]
)
def test_what_is_no_file_of_a_pool_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Permanent, match="this file describes no pool"):
        deploy(Settings(home=tmp_path / "none"), text)
