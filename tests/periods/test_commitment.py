"""A day's commitment: against the published vectors, and what it keeps to itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.curve.group import ORDER, H, combined, total, write_compressed
from fntx_dagster.errors import Permanent
from fntx_dagster.periods.commitment import FIELDS, generators, log_return
from tests.periods.examples import DAYS, committed

DAY = DAYS["days"][0]


@pytest.mark.parametrize("day", DAYS["days"], ids=[day["date"] for day in DAYS["days"]])
def test_a_day_of_the_vectors_has_their_values_blinding_commitment_and_digest(day):
    found = committed(day)
    assert found is not None
    assert dict(zip(FIELDS, map(str, found.values), strict=True)) == day["values"]
    assert found.blinding == int(day["blinding"], 16)
    assert "0x" + write_compressed(found.point).hex() == day["commitment"]
    assert "0x" + found.digest.hex() == day["digest"]


@pytest.mark.parametrize("case", DAYS["null"], ids=[case["why"] for case in DAYS["null"]])
def test_a_day_without_a_return_or_without_a_source_has_no_commitment(case):
    assert committed(DAY, case["slots"]) is None


@pytest.mark.parametrize("slot", [*"2467", "9", "11", "13", "15", "wins", "losses", "break_evens"])
def test_each_source_that_is_null_leaves_the_day_without_a_commitment(slot):
    assert committed(DAY, {slot: None}) is None


@pytest.mark.parametrize("changed", [{"session": None}, {"currency": None}, {"currency": "USDT"}, {"currency": "hkd"}])
def test_a_day_without_a_number_or_a_currency_of_three_letters_has_no_commitment(changed):
    assert committed(DAY, **changed) is None


@pytest.mark.parametrize("slot", ["13", "15"])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_of_2_to_the_96_is_too_large_and_one_below_is_not(slot, sign):
    assert committed(DAY, {slot: sign * 2**96}) is None
    assert committed(DAY, {slot: sign * (2**96 - 1)}) is not None


@pytest.mark.parametrize("edge", DAYS["log_return"], ids=[str(edge["x"]) for edge in DAYS["log_return"]])
def test_the_log_return_of_an_edge_is_the_published_one(edge):
    expected = None if edge["x"] is None else int(edge["x"])
    assert log_return(*(int(edge[name]) for name in ("opening", "closing", "deposits", "withdrawals"))) == expected


def test_a_version_an_account_a_day_and_a_value_each_have_a_blinding_of_their_own():
    ways = [{}, {"version": 2}, {"account": "U1000002"}, {"extension_schema_hash": bytes(32)}, {"secret": bytes(32)}]
    blindings = {committed(DAY, **way).blinding for way in ways} | {committed(DAY, {"13": 1}).blinding}
    assert len(blindings) == len(ways) + 1


def test_a_secret_that_is_too_short_is_refused():
    with pytest.raises(Permanent, match="shorter than 32 bytes"):
        committed(DAY, secret=bytes(31))


def test_neither_values_nor_the_blinding_are_printed():
    found = committed(DAY)
    assert repr(found) == "DayCommitment(currency='HKD', session=41)"


@given(st.lists(st.tuples(*[st.integers(-(2**90), 2**90)] * 2), min_size=1, max_size=4))
def test_commitments_add_up_to_the_commitment_of_the_sums(pairs):
    days = [committed(DAY, {"13": pnl, "15": turnover}) for pnl, turnover in pairs]
    sums = [sum(column) for column in zip(*(day.values for day in days), strict=True)]
    blinding = sum(day.blinding for day in days) % ORDER
    assert total(day.point for day in days) == combined([H, *generators()], [blinding, *sums])
