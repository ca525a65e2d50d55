"""Three squares for each number of the form 4ℓ + 1, and for no other."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.periods.squares import three_squares

RNG = random.Random(5)


def draw():
    return RNG.getrandbits(512)


def test_the_first_thousand_numbers_of_the_form_have_three_squares():
    for number in range(1, 4000, 4):
        assert sum(root * root for root in three_squares(number, draw)) == number


@given(st.integers(0, 2**120))
def test_a_number_of_any_size_has_three_squares(value):
    assert sum(root * root for root in three_squares(4 * value + 1, draw)) == 4 * value + 1


@pytest.mark.parametrize("number", [-3, 0, 2, 3, 4, 7, 2**64 - 1])
def test_another_number_is_refused(number):
    with pytest.raises(ValueError, match="no number of the form"):
        three_squares(number, draw)
