"""How minor units are shared: the shares make the whole, and each is within one unit of the exact one."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.model.largest_remainder import pro_rata, shared_units
from fntx_dagster.signals.amounts import half_even


def names(number: int) -> list[str]:
    return [chr(ord("a") + place) for place in range(number)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=9).filter(any), st.integers(-(10**7), 10**7))
def test_shared_units_make_the_rounded_whole_and_are_within_one_of_the_exact(parts: list[int], gain: int) -> None:
    below = 97 * sum(parts)
    total = half_even(gain * sum(parts), below)
    shared = shared_units(total, gain, below, parts, names(len(parts)))
    assert sum(shared) == total
    for part, units in zip(parts, shared, strict=True):
        assert abs(units - Fraction(part * gain, below)) < 1
        assert part or not units


@pytest.mark.parametrize(
    ("total", "parts", "ids", "shares"),
    [
        (1_250_000, [2, 1], ["x", "y"], [833_333, 416_667]),
        (50_000, [1, 1, 1], ["e1", "e2", "e3"], [16_667, 16_667, 16_666]),
        (50_000, [1, 1, 1], ["e3", "e2", "e1"], [16_666, 16_667, 16_667]),
        (1, [1, 1], ["Ω", "z"], [0, 1]),
        (0, [0, 0], ["a", "b"], [0, 0]),
        (0, [], [], []),
    ],
)
def test_what_is_left_goes_to_the_largest_remainder_and_of_equal_ones_to_the_lower_id(
    total: int, parts: list[int], ids: list[str], shares: list[int]
) -> None:
    assert pro_rata(total, parts, ids) == shares


def test_a_total_that_is_no_rounded_sum_of_the_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="no rounded sum"):
        shared_units(10, 1, 1, [1, 2], ["a", "b"])
