"""The book of a market: its best prices, and what an order of a size may expect to pay, walking the book."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.execution.risk import BUY


class BookLevel(NamedTuple):
    """An offer: so much of the base at a price in the quote currency."""

    price: Fraction
    quantity: Fraction


class MarketBook(NamedTuple):
    """Those who sell and those who buy, the best first."""

    asks: Sequence[BookLevel]
    bids: Sequence[BookLevel]

    @property
    def mid(self) -> Fraction | None:
        """Between the best prices; of a book with one side the best of that; None of an empty one."""
        best = [side[0].price for side in (self.asks, self.bids) if side]
        return sum(best, Fraction(0)) / len(best) if best else None

    def expected(self, side: str, quantity: Fraction) -> Fraction | None:
        """The average price of an order that takes what is there, the last price for what is not; None where nobody
        offers anything."""
        levels = self.asks if side == BUY else self.bids
        left, paid = quantity, Fraction(0)
        for level in levels:
            taken = min(left, level.quantity)
            left, paid = left - taken, paid + taken * level.price
        return (paid + left * levels[-1].price) / quantity if levels else None
