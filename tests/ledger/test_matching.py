"""The paper market: what an order takes, what waits, and what it pays."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fntx_dagster.ledger.costs import DEFAULT_FEES
from fntx_dagster.ledger.matching import Match, at_once, fee, reaches
from fntx_dagster.model.orders import OrderRequest

from .examples import quote

MARKET = OrderRequest("bot", "binance", "BTC/USDT", "buy", Decimal(2))
LIMIT = MARKET._replace(order_type="limit", price=Decimal(100))


@pytest.mark.parametrize(
    ("order", "size", "taken", "match"),
    [
        (MARKET, None, "0", ("2", "101", "filled")),
        (MARKET, "2", "0", ("2", "101", "filled")),
        (MARKET, "1.5", "0", ("1.5", "101", "cancelled")),
        (MARKET, "2", "1", ("1", "101", "cancelled")),
        (MARKET, "2", "2", ("0", "101", "failed", "no_liquidity")),
        (MARKET, "0", "0", ("0", "101", "failed", "no_liquidity")),
        (MARKET._replace(side="sell"), "3", "0", ("2", "99", "filled")),
        (LIMIT, None, "0", ("0", "101", "open")),
        (LIMIT._replace(price=Decimal(101)), "3", "0", ("2", "101", "filled")),
        (LIMIT._replace(price=Decimal(150)), "1", "0", ("1", "101", "partially_filled")),
        (LIMIT._replace(price=Decimal(150)), "1", "1", ("0", "101", "open")),
        (LIMIT._replace(side="sell"), None, "0", ("0", "99", "open")),
        (LIMIT._replace(side="sell", price=Decimal(99)), None, "0", ("2", "99", "filled")),
    ],
)
def test_an_order_takes_what_the_quote_gives(
    order: OrderRequest, size: str | None, taken: str, match: tuple[str, ...]
) -> None:
    quantity, price, state, *reason = match
    expected = Match(Decimal(quantity), Decimal(price), state, *reason)
    assert at_once(order, quote("99", "101", size), Decimal(taken)) == expected


@pytest.mark.parametrize(
    ("side", "limit", "reached"),
    [("buy", "101", True), ("buy", "100.99", False), ("sell", "99", True), ("sell", "99.01", False)],
)
def test_an_order_that_waits_is_reached_by_the_far_side(side: str, limit: str, reached: bool) -> None:
    assert reaches(quote("99", "101"), side, Decimal(limit)) == reached  # pyright: ignore[reportArgumentType]


def test_a_fee_is_exact_to_the_last_digit() -> None:
    binance = DEFAULT_FEES[0]
    quantity, price = Decimal("0.000000000000000001"), Decimal("0.000000000000000003")
    assert fee(Decimal("0.5"), Decimal(100), binance, taker=True) == Decimal("0.05")
    assert fee(Decimal("0.5"), Decimal(100), binance, taker=False) == Decimal("0.0375")
    assert fee(quantity, price, binance, taker=True) == 0, "below the places that are stored"
