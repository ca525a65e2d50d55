"""Fills that an exchange reports and that cannot be true."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fntx_dagster.ledger.reported import why_unusable
from fntx_dagster.model.orders import OrderFill

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FILL = OrderFill("1", "buy", Decimal(1), Decimal(100), Decimal("0.1"), "USDT", "taker", NOON)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            ("quantity", Decimal(text))
            for text in ("0", "-1", "NaN", "sNaN", "Infinity", "1E-19", "1E+20", "1E+999999")
        ],
        *[("price", Decimal(text)) for text in ("0", "-1", "NaN", "1.0000000000000000001", "1E-999999")],
        *[("fee", Decimal(text)) for text in ("NaN", "-Infinity", "1E-37", "1E+20")],
        *[("trade_id", text) for text in ("", "a\0", "\ud800", "x" * 201)],
        *[("fee_currency", text) for text in ("", "US\0DT", "x" * 41)],
        ("side", "sell"),
        ("side", "both"),
        ("liquidity", "both"),
        ("at", NOON.replace(tzinfo=None)),
    ],
)
def test_a_fill_that_cannot_be_true_is_not_usable(name: str, value: Any) -> None:
    assert why_unusable(FILL._replace(**{name: value}), "buy")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("quantity", Decimal(text)) for text in ("1E-18", "99999999999999999999.999999999999999999", "1.0E+3")],
        *[("fee", Decimal(text)) for text in ("0", "-0.1", "0E-50", "5000", "1E-36")],
        ("fee_currency", "币安人生"),
        ("side", "buy"),
    ],
)
def test_a_fill_that_may_be_true_is_usable(name: str, value: Any) -> None:
    assert why_unusable(FILL._replace(**{name: value}), "buy") is None


def test_a_sale_of_many_digits_is_exactly_the_negative_of_the_purchase() -> None:
    many = Decimal("33333333333333333.333333333333333333")
    bought, sold = FILL._replace(quantity=many), FILL._replace(quantity=many, side="sell")
    assert f"{sold.signed}" == f"-{bought.signed}"
