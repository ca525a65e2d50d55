"""The commitments of slot 62, against vectors that another program made."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.aggregate.commitments import (
    FIELDS,
    PNL_OFFSET,
    RANGE,
    Commitments,
    CommittedDay,
    committed,
    scale_of,
    values_of,
)
from fntx_dagster.curve.group import total, write_wide
from fntx_dagster.errors import Permanent

VECTORS = json.loads((Path(__file__).parent / "vectors" / "commitments.json").read_text())
SECRET = bytes(range(32))
DAY = CommittedDay(bytes(32), "U1", date(2025, 7, 14), 1)


def signed_of(case: dict) -> dict[str, int | None]:
    return {name: None if (text := case[f"{name}_scaled"]) is None else int(text) for name in FIELDS}


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: f"{case['currency']}-{case['date']}")
def test_a_day_has_the_values_blindings_commitments_and_digest_of_the_vectors(case: dict) -> None:
    day = CommittedDay(
        bytes_of(case["schema_hash"]), case["account"], date.fromisoformat(case["date"]), case["version"]
    )
    found = committed(bytes_of(case["secret"]), day, case["currency"], case["scale"], signed_of(case))
    assert found is not None
    assert [str(value) for value in found.values] == case["values"]
    assert [f"0x{blinding:064x}" for blinding in found.blindings] == case["randomness"]
    assert "0x" + b"".join(map(write_wide, found.points)).hex() == case["commitments"]
    assert "0x" + found.digest.hex() == case["digest"]


def test_the_scale_of_a_currency_is_that_of_the_vectors() -> None:
    assert {case["currency"]: scale_of(case["currency"]) for case in VECTORS["cases"]} == {
        case["currency"]: case["scale"] for case in VECTORS["cases"]
    }


@pytest.mark.parametrize("case", VECTORS["null"], ids=lambda case: str(case["closing_nav_official_scaled"]))
def test_a_day_outside_the_range_has_no_commitments(case: dict) -> None:
    assert committed(SECRET, DAY, case["currency"], case["scale"], signed_of(case)) is None


@given(*[st.integers(-(10**20), 10**20)] * 3, st.sampled_from([0, 2]))
def test_values_are_the_figures_rounded_once_to_whole_units(nav: int, turnover: int, pnl: int, scale: int) -> None:
    unit = 10 ** (8 + scale)
    found = values_of(dict(zip(FIELDS, (nav, turnover, pnl), strict=True)), scale)
    halves = [2 * nav, 2 * turnover, 2 * pnl + PNL_OFFSET * 2 * unit]
    if found is None:
        assert any(not -unit <= half <= (2 * RANGE - 1) * unit - 1 for half in halves)
        return
    for value, half in zip(found, halves, strict=True):
        assert 0 <= value < RANGE
        assert abs(value * 2 * unit - half) <= unit  # half-even at the very middle


def test_no_two_of_versions_fields_and_days_share_a_blinding() -> None:
    signed: dict[str, int | None] = dict.fromkeys(FIELDS, 0)
    days = [DAY._replace(version=version, day=date(2025, 7, day)) for version in (1, 2) for day in (14, 15)]
    blindings = [one for day in days if (found := committed(SECRET, day, "USD", 0, signed)) for one in found.blindings]
    assert len({*blindings}) == len(blindings) == 12


def test_commitments_show_neither_a_value_nor_a_blinding() -> None:
    found = Commitments("USD", 0, (79755, 632000, 2147483525), (11111111, 22222222, 33333333))
    assert repr(found) == "Commitments(currency='USD', scale=0)"


def test_commitments_of_several_days_add_up() -> None:
    one, other = Commitments("USD", 0, (1, 2, 3), (4, 5, 6)), Commitments("USD", 0, (10, 20, 30), (40, 50, 60))
    both = Commitments("USD", 0, (11, 22, 33), (44, 55, 66))
    for number in range(3):
        assert total([one.points[number], other.points[number]]) == both.points[number]


def test_a_secret_that_is_too_short_is_refused() -> None:
    with pytest.raises(Permanent, match="shorter than 32 bytes"):
        committed(bytes(31), DAY, "USD", 0, dict.fromkeys(FIELDS, 0))
