"""Numbers of requests and answers."""

from __future__ import annotations

import copy
import operator
import pickle
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.exact import decimal, exact, parsed, plain, written


@pytest.mark.parametrize("text", ["0", "1", "0.01", "1.000", "12345678901234567890.123456789012345678"])
def test_a_plain_number_is_read_to_its_last_digit(text: str) -> None:
    assert parsed(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1_000",
        "+1",
        "-1",
        "1e3",
        "1E-9",
        "1e400",
        ".5",
        "5.",
        "NaN",
        "Infinity",
        "٣",
        "１",
        "0x1",
        "1\n",
        "123456789012345678901",
        "0.1234567890123456789",
    ],
)
def test_every_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="plain decimal"):
        parsed(text)


def test_a_minus_sign_is_read_only_where_a_number_may_be_negative() -> None:
    assert parsed("-2.5", signed=True) == Decimal("-2.5")


@given(st.decimals(1 - 10**20, 10**20 - 1, places=18, allow_nan=False))
def test_what_is_written_is_read_again_as_the_same_number(number: Decimal) -> None:
    text = written(number)
    assert parsed(text, signed=True) == number
    assert "E" not in text
    assert not (("." in text) and text.endswith("0"))


def test_a_fraction_is_rounded_half_to_even_once() -> None:
    assert decimal(Fraction(1, 8), 2) == Decimal("0.12")
    assert decimal(Fraction(3, 8), 2) == Decimal("0.38")
    assert written(Fraction(-1, 3), 4) == "-0.3333"
    assert written(Fraction(-1, 10**30)) == "0"
    assert written(100) == "100"


_NUMBERS = st.one_of(
    st.integers(-(10**40), 10**40).map(Fraction),
    st.fractions(),
    st.decimals(-(10**20), 10**20, places=18).map(Fraction),
)


@given(_NUMBERS, _NUMBERS)
def test_exact_numbers_compute_as_fractions_do(first: Fraction, second: Fraction) -> None:
    steps = [operator.add, operator.sub, operator.mul, operator.truediv]
    compared = [operator.eq, operator.lt, operator.le, operator.gt, operator.ge]
    whole = int(second)
    for step in [*steps, *compared]:
        for right, other in ((second, exact(second)), (second, second), (whole, whole)):
            for expected, found in (((first, right), (exact(first), other)), ((right, first), (other, exact(first)))):
                if step is operator.truediv and not expected[1]:
                    with pytest.raises(ZeroDivisionError):
                        step(*found)
                else:
                    assert step(*found) == step(*expected)
                    assert hash(step(*found)) == hash(step(*expected))
    for alone in (operator.neg, abs, bool, str):
        assert alone(exact(first)) == alone(first)


@given(_NUMBERS, st.sampled_from([0, 2, 18, 36]))
def test_a_number_is_written_as_the_decimal_that_it_rounds_to(number: Fraction, places: int) -> None:
    text = plain(exact(number), places)
    assert text == plain(number, places)
    assert "e" not in text.lower()
    assert "." not in text or text[-1] not in "0."
    with localcontext() as context:
        context.prec = 200
        rounded = (Decimal(number.numerator) / number.denominator).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    assert Decimal(text) == rounded


@given(_NUMBERS, st.lists(st.sampled_from([0, 2, 18, 30, 36]), min_size=2, max_size=5))
def test_how_a_number_was_written_before_changes_nothing(number: Fraction, places: list[int]) -> None:
    kept = exact(number)
    assert [plain(kept, each) for each in places] == [plain(number, each) for each in places]


@given(_NUMBERS)
def test_a_copied_number_is_written_and_computes_as_the_first(number: Fraction) -> None:
    for copied in (copy.copy(exact(number)), copy.deepcopy(exact(number)), pickle.loads(pickle.dumps(exact(number)))):
        assert copied == number
        assert plain(copied) == plain(copied + 0) == plain(number)
