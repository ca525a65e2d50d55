"""What an order costs in basis points, and the fees of exchanges by date.

An order that takes pays the taker's fee on the way in, else the maker's; the way out is judged at the taker's, because
an exit may have to take. The rates are the exchanges' published ones for small accounts; an
account's own are a setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import exact
from fntx_dagster.ledger.market import spread_bps
from fntx_dagster.model.orders import OrderRequest, Quote


class ExchangeFees(NamedTuple):
    """An exchange's fees in basis points of the amount paid, from a day on."""

    exchange: str
    maker_bps: Decimal
    taker_bps: Decimal
    since: date = date.min


class OrderCosts(NamedTuple):
    """What an order is expected to cost, each part in basis points."""

    fee: Fraction
    spread: Fraction
    slippage: Fraction
    safety: Fraction

    @property
    def total(self) -> Fraction:
        return self.fee + self.spread + self.slippage + self.safety


DEFAULT_FEES = tuple(
    ExchangeFees(exchange, Decimal(maker), Decimal(taker))
    for exchange, maker, taker in (
        ("binance", "7.5", "10"),
        ("luno", "20", "25"),
        ("kucoin", "10", "10"),
        ("kraken", "16", "26"),
        ("valr", "15", "15"),
    )
)


def fees_of(table: Sequence[ExchangeFees], exchange: str, day: date) -> ExchangeFees | None:
    """The fees of an exchange on a day: the newest that are not later, of one day the first of the table; None where it
    is not in the table."""
    known = [fees for fees in table if fees.exchange == exchange and fees.since <= day]
    return max(known, key=lambda fees: fees.since, default=None)


def takes(order: OrderRequest, quote: Quote) -> bool:
    """Whether an order meets the market at once: a market order, or a limit at or through the far side."""
    if order.price is None:
        return True
    return order.price >= quote.ask if order.side == "buy" else order.price <= quote.bid


def expected(
    order: OrderRequest, quote: Quote, fees: ExchangeFees, slippage_bps: Decimal, safety_bps: Decimal
) -> OrderCosts:
    """The costs of getting in and out again. `slippage_bps` counts only for an order that takes."""
    taking = takes(order, quote)
    fee_in = fees.taker_bps if taking else fees.maker_bps
    return OrderCosts(
        exact(fee_in) + exact(fees.taker_bps),
        spread_bps(quote),
        exact(slippage_bps) if taking else exact(0),
        exact(safety_bps),
    )
