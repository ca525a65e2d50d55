"""Totals: the number behind a point, wherever it is."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fntx_dagster.aggregate.commitments import PNL_OFFSET, RANGE
from fntx_dagster.aggregate.totals import _BABIES, _BATCH, _GIANT, decoded
from fntx_dagster.curve.group import GENERATOR, times
from tests.aggregate.examples import point_of, vectors

EDGES = [0, 1, 512, 513, 1024, 1025, _BABIES, _BABIES + 1, _GIANT - 1, _GIANT, 7 * _GIANT, RANGE - 1]
EDGES += [_BATCH * _GIANT + _BABIES, _BATCH * _GIANT + _BABIES + 1, 3 * _GIANT * _BATCH]


@pytest.mark.parametrize("case", vectors("totals"), ids=lambda case: case["total"])
def test_the_totals_of_the_vectors_are_found(case: dict) -> None:
    assert decoded(point_of(case["point"]), 10_000 * RANGE) == int(case["total"])


@pytest.mark.parametrize("number", EDGES)
def test_a_total_at_an_edge_of_the_table_or_of_a_batch_is_found(number: int) -> None:
    assert decoded(times(GENERATOR, number), number + 1) == number
    assert decoded(times(GENERATOR, number), number + RANGE, near=number + 1000) == number
    assert decoded(times(GENERATOR, number), number) is None


@settings(max_examples=30)
@given(number=st.integers(0, 10**10), near=st.integers(0, 10**10))
def test_a_total_is_found_from_wherever_it_is_looked_for(number: int, near: int) -> None:
    assert decoded(times(GENERATOR, number), 10**10 + 1, near) == number


def test_the_total_of_many_users_is_quick_where_it_is_looked_for_well() -> None:
    users = 10_000
    began = time.perf_counter()
    for pnl in (-(10**10), 0, 10**10):
        raw = pnl + users * PNL_OFFSET
        assert decoded(times(GENERATOR, raw), users * RANGE, near=users * PNL_OFFSET) == raw
    assert time.perf_counter() - began < 5


def test_what_is_no_total_is_not_found() -> None:
    assert decoded(times(GENERATOR, -1), RANGE) is None
    assert decoded(times(GENERATOR, 5 * RANGE), 5 * RANGE) is None
    assert decoded(point_of(vectors("submissions")["key"]), 2 * RANGE) is None
