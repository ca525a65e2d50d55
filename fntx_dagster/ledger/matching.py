"""What an order gets in the paper market: the quotes are all that trades there.

A market order takes what the quote's size gives; its rest is cancelled. A limit at or through the far side takes at the
far price, and its rest waits; a waiting order fills whole, as maker, at its own price, when a later quote reaches it.
A size that was taken is gone until the next quote. Fees are in the quote currency, short sales are allowed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.ledger.costs import ExchangeFees, takes
from fntx_dagster.ledger.exact import decimal, exact
from fntx_dagster.ledger.market import BPS
from fntx_dagster.model.orders import OrderRequest, Quote, Side

_ZERO = Decimal(0)


class Match(NamedTuple):
    """What an order takes at once: quantity and price, and its state after it; `reason` where it failed."""

    quantity: Decimal
    price: Decimal
    state: str
    reason: str | None = None


def at_once(order: OrderRequest, quote: Quote, taken: Decimal = _ZERO) -> Match:
    """What an order takes from a quote of which others took `taken` of that side's size."""
    price = quote.ask if order.side == "buy" else quote.bid
    if not takes(order, quote):
        return Match(_ZERO, price, "open")
    size = quote.ask_size if order.side == "buy" else quote.bid_size
    free = order.amount if size is None else max(decimal(exact(size) - exact(taken)), _ZERO)
    quantity = min(order.amount, free)
    if quantity == order.amount:
        return Match(quantity, price, "filled")
    if order.order_type == "limit":
        return Match(quantity, price, "partially_filled" if quantity else "open")
    return Match(quantity, price, "cancelled") if quantity else Match(_ZERO, price, "failed", "no_liquidity")


def reaches(quote: Quote, side: Side, limit: Decimal) -> bool:
    """Whether a quote fills an order that waits: the ask at or below the limit of a purchase, the bid at or above that
    of a sale."""
    return quote.ask <= limit if side == "buy" else quote.bid >= limit


def fee(quantity: Decimal, price: Decimal, fees: ExchangeFees, *, taker: bool) -> Decimal:
    """The fee of a fill in the quote currency."""
    rate = exact(fees.taker_bps if taker else fees.maker_bps)
    return decimal(exact(quantity) * exact(price) * rate / BPS)
