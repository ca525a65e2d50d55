"""Orders on the steps of a market: never more, never a worse price than was asked for."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fntx_dagster.ledger.rounding import fitted, limit
from fntx_dagster.model.exchanges import MarketRules
from fntx_dagster.model.orders import OrderRequest
from tests.ledger.examples import quote

_numbers = st.decimals("0.000000000000000001", "99999999999999999999", places=18, allow_nan=False)
_steps = st.sampled_from(["0", "0.000001", "0.003", "0.5", "1", "25"]).map(Decimal)
_sides = st.sampled_from(["buy", "sell"])


@given(_numbers, _numbers, _steps, _steps, _sides)
def test_an_order_on_steps_asks_for_no_more_and_pays_no_worse_than_it_was_asked_for(
    amount: Decimal, price: Decimal, amount_step: Decimal, price_step: Decimal, side: str
) -> None:
    asked = OrderRequest("bot", "binance", "BTC/USDT", side, amount, "limit", price)  # pyright: ignore[reportArgumentType]  # of the lists above
    order, refusal = fitted(asked, MarketRules("BTC/USDT", amount_step, price_step), None)
    if refusal:
        assert amount < amount_step or price < price_step
        return
    assert order.price is not None
    assert 0 <= amount - order.amount < (amount_step or 1)
    better = price - order.price if side == "buy" else order.price - price
    assert 0 <= better < (price_step or 1)
    for number, step in ((order.amount, amount_step), (order.price, price_step)):
        assert not step or (Fraction(number) / Fraction(step)).denominator == 1


@given(_numbers, st.decimals(0, 1000, places=2), st.sampled_from(["0.000001", "0.01", "0.5"]).map(Decimal), _sides)
def test_a_market_orders_limit_is_within_the_band_and_its_market_order_takes_at_once(
    price: Decimal, band: Decimal, step: Decimal, side: str
) -> None:
    far = step * (1 + price // step % 10**6)
    asked = OrderRequest("bot", "binance", "BTC/USDT", side, Decimal(1))  # pyright: ignore[reportArgumentType]  # of the lists above
    sent, time_in_force = limit(asked, quote(f"{far:f}"), MarketRules("BTC/USDT", step, step), band)
    beyond = Fraction(sent - far if side == "buy" else far - sent)
    assert time_in_force == "IOC"
    assert 0 <= beyond <= Fraction(far) * Fraction(band) / 10_000


@pytest.mark.parametrize(
    ("amount", "price", "code"),
    [
        ("0.0099", None, "amount_below_minimum"),
        ("0.0199", None, "amount_below_minimum"),
        ("0.02", None, None),
        ("0.02", "499.99", "cost_below_minimum"),
        ("0.02", "500", None),
        ("0.02", "0.009", "price_below_minimum"),
    ],
)
def test_minimums_are_judged_after_rounding_and_exactly_the_minimum_passes(
    amount: str, price: str | None, code: str | None
) -> None:
    rules = MarketRules("BTC/USDT", Decimal("0.01"), Decimal("0.01"), Decimal("0.02"), Decimal(10))
    kind = "limit" if price else "market"
    asked = OrderRequest("bot", "binance", "BTC/USDT", "buy", Decimal(amount), kind, price and Decimal(price))  # pyright: ignore[reportArgumentType]  # of the lists above
    refusal = fitted(asked, rules, quote("500")).refusal
    assert (refusal and refusal.code) == code
