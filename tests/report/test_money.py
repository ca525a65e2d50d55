"""Figures for a reader: rounding, grouping and signs."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.report import money

AMOUNTS = st.decimals(min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=12)
CENT_AMOUNTS = st.decimals(min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=2)


def unsigned_zero(text: str) -> bool:
    return re.fullmatch(r"[-+]0(\.0*)?", text) is None


@given(CENT_AMOUNTS)
def test_an_amount_of_whole_cents_survives_being_displayed_and_read_back(amount: Decimal) -> None:
    assert Decimal(money.display(amount).replace(",", "")) == amount


@given(AMOUNTS)
def test_a_display_is_the_amount_rounded_half_even_to_cents(amount: Decimal) -> None:
    expected = amount.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    assert Decimal(money.display(amount).replace(",", "")) == expected


@given(AMOUNTS)
def test_no_display_ever_shows_a_signed_zero(amount: Decimal) -> None:
    shown = [money.display(amount, signed=True), money.display_small(amount, signed=True), money.plain(amount)]
    assert all(map(unsigned_zero, [*shown, money.exactly(amount * 0, signed=True)]))


@given(AMOUNTS)
def test_a_signed_display_says_plus_for_gains_and_minus_for_losses(amount: Decimal) -> None:
    shown = money.display(amount, signed=True)
    cents = money.cents(amount)
    assert shown[0] == ("+" if cents > 0 else "-" if cents < 0 else "0")


@given(AMOUNTS)
def test_thousands_are_separated_in_groups_of_three(amount: Decimal) -> None:
    assert re.fullmatch(r"-?\d{1,3}(,\d{3})*\.\d\d", money.display(amount))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e40"), max_value=Decimal("1e40")))
def test_a_plain_decimal_keeps_every_digit_and_has_no_exponent(value: Decimal) -> None:
    text = money.plain(value)
    assert Decimal(text) == value
    assert re.fullmatch(r"-?\d+(\.\d*[1-9])?", text)


def test_the_display_does_not_depend_on_the_precision_of_the_context() -> None:
    with localcontext(prec=3):
        assert money.display(Decimal("123456789.125")) == "123,456,789.12"
        assert money.plain(Decimal("123456789.1250")) == "123456789.125"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.005", "0.00"),
        ("0.015", "0.02"),
        ("0.025", "0.02"),
        ("-0.004", "0.00"),
        ("-1145.443", "-1,145.44"),
        ("1e3", "1,000.00"),
    ],
)
def test_halves_go_to_the_even_cent(value: str, shown: str) -> None:
    assert money.display(Decimal(value)) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("0.0033824", "+0.0034"),
        ("-0.0049", "-0.0049"),
        ("0.00001", "0.00"),
        ("0", "0.00"),
        ("-0.2465", "-0.25"),
        ("0.005000001", "+0.01"),
    ],
)
def test_an_amount_that_cents_would_hide_is_shown_to_four_decimals(value: str, shown: str) -> None:
    assert money.display_small(Decimal(value), signed=True) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [("628", "628.00"), ("0.2146", "0.2146"), ("0.4", "0.40"), ("1234.5", "1,234.50"), ("0.12345678", "0.123457")],
)
def test_a_price_has_two_decimals_or_as_many_as_it_needs(value: str, shown: str) -> None:
    assert money.price(Decimal(value)) == shown


def test_a_price_in_dollars_has_the_dollar_sign_and_any_other_its_currency() -> None:
    assert money.priced(Decimal(628), "USD") == "$628.00"
    assert money.priced(Decimal("-3.2"), "USD") == "-$3.20"
    assert money.priced(Decimal("31.2"), "EUR") == "31.20 EUR"


def test_a_rate_is_shown_as_given_and_an_endless_one_says_that_it_is_cut() -> None:
    assert money.rate(Decimal("7.84720")) == "7.8472"
    assert money.rate(Decimal("7.8")) == "7.8"
    assert money.rate(Decimal(61) / Decimal(7)) == "8.71428571…"


def test_a_quantity_has_neither_idle_zeros_nor_an_exponent() -> None:
    assert [money.quantity(Decimal(size)) for size in ("1", "1E+3", "0.1250")] == ["1", "1,000", "0.125"]


def test_an_exact_figure_is_grouped_and_has_at_least_two_decimals() -> None:
    assert money.exactly(Decimal("-12.292")) == "-12.292"
    assert money.exactly(Decimal("78609.367")) == "78,609.367"
    assert money.exactly(Decimal(4), signed=True) == "+4.00"


def test_a_sum_is_written_with_the_signs_of_its_terms() -> None:
    terms = (Decimal("79498.68"), Decimal("-96.4577824"), Decimal("1"))
    assert money.summed(terms) == "79,498.68 - 96.46 + 1.00"
    assert money.difference(Decimal("79231.03"), Decimal("79200.0100496")) == "79,231.03 - 79,200.01"
    assert money.difference(Decimal("-5"), Decimal("-3")) == "-5.00 + 3.00"


def test_a_sum_adds_up_only_if_its_rounded_terms_do() -> None:
    assert money.adds_up((Decimal("31.3888"), Decimal("-0.2465"), Decimal("-0.1223496")), Decimal("31.0199504"))
    assert not money.adds_up((Decimal("0.004"), Decimal("0.004")), Decimal("0.008"))
