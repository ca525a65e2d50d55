"""An order as a market takes it: amount and prices on the market's steps, never more or worse than was asked for.

An amount is rounded down; the price of a purchase down, that of a sale up. What is below the market's minimum then is
refused before a gate judges it.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import decimal, written
from fntx_dagster.ledger.gates import VALIDATION, GateRefusal
from fntx_dagster.ledger.market import BPS
from fntx_dagster.model.exchanges import MarketRules, TimeInForce
from fntx_dagster.model.orders import OrderRequest, Quote, Side


class Fitted(NamedTuple):
    """An order on the steps of its market, or as it was asked for and why the market would not take it."""

    order: OrderRequest
    refusal: GateRefusal | None = None


def fitted(order: OrderRequest, rules: MarketRules, quote: Quote | None) -> Fitted:
    """The order on the steps of its market. `quote`: what a market order's cost is judged by; without one it is not."""
    amount = on_step(order.amount, rules.amount_step, ROUND_FLOOR)
    price = order.price and on_step(order.price, rules.price_step, _towards_safety(order.side))
    if amount <= 0 or amount < rules.least_amount:
        least = max(rules.least_amount, rules.amount_step)
        words = (
            f"{written(order.amount)} {order.base} is below what {order.exchange} takes of {order.symbol}: "
            f"{written(least)} at least, in steps of {written(rules.amount_step)}"
        )
        return Fitted(order, GateRefusal(VALIDATION, "amount_below_minimum", words))
    if price is not None and price <= 0:
        words = f"the price {written(order.price or 0)} is below a step of {written(rules.price_step)}"
        return Fitted(order, GateRefusal(VALIDATION, "price_below_minimum", words))
    if paid := price or (quote and (quote.ask if order.side == "buy" else quote.bid)):
        cost = Fraction(amount) * Fraction(paid)
        if cost < Fraction(rules.least_cost):
            words = (
                f"{written(amount)} {order.base} at {written(paid)} cost {written(cost)} {order.currency}; "
                f"{order.exchange} takes orders of {written(rules.least_cost)} {order.currency} at least"
            )
            return Fitted(order, GateRefusal(VALIDATION, "cost_below_minimum", words))
    return Fitted(order._replace(amount=amount, price=price))


def limit(order: OrderRequest, quote: Quote, rules: MarketRules, band_bps: Decimal) -> tuple[Decimal, TimeInForce]:
    """The limit that an order is sent with. A market order takes at once, at most the band beyond the other side's best
    price; what it does not get then is cancelled."""
    if order.price is not None:
        return order.price, "GTC"
    band = Fraction(band_bps) / BPS
    far = Fraction(quote.ask) * (1 + band) if order.side == "buy" else Fraction(quote.bid) * (1 - band)
    return on_step(far, rules.price_step, _towards_safety(order.side)), "IOC"


def on_step(number: Decimal | Fraction, step: Decimal, rounding: str) -> Decimal:
    """A number on a multiple of a step, down (ROUND_FLOOR) or up (ROUND_CEILING); a step of 0 leaves it as it is."""
    if not step:
        return decimal(Fraction(number))
    steps = Fraction(number) / Fraction(step)
    whole = steps.numerator // steps.denominator
    if rounding == ROUND_CEILING and whole != steps:
        whole += 1
    return decimal(whole * Fraction(step))


def _towards_safety(side: Side) -> str:
    return ROUND_FLOOR if side == "buy" else ROUND_CEILING
