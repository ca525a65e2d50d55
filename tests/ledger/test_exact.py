"""Numbers of requests and answers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.exact import decimal, parsed, written


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
