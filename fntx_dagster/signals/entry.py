"""Who may take part in an entry, and what its order takes of the market.

A participant who may not is named with the reason; the wishes of the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.signals.amounts import ONE, exact

NOT_POSITIVE, NOT_A_LOT, OVER_NOTIONAL = "qty_not_positive", "qty_not_lot_multiple", "over_max_notional"


class Level(NamedTuple):
    """A price of a ladder and the quantity at it, both in 10^-18; a size of None gives any quantity."""

    price: int
    size: int | None


class Ladder(NamedTuple):
    """One side of a market, the best price first."""

    levels: Sequence[Level]

    @property
    def best(self) -> int | None:
        return self.levels[0].price if self.levels else None


class Taken(NamedTuple):
    """What an order takes at one price."""

    price: int
    quantity: int


def ladder(levels: Sequence[tuple[Decimal, Decimal | None]], *, buys: bool) -> Ladder:
    """The side that an order takes from: asks for one that buys, bids for one that sells. Prices of 0 are none."""
    known = [Level(exact(price), None if size is None else exact(size)) for price, size in levels if price > 0]
    return Ladder(sorted(known, key=lambda level: level.price if buys else -level.price))


def refusal(quantity: int, lot: int, best: int | None, max_notional: int | None) -> str | None:
    """Why a participant's wish is refused; None where it is not. `best`: the best price of the side that fills."""
    if quantity <= 0:
        return NOT_POSITIVE
    if quantity % lot:
        return NOT_A_LOT
    if max_notional is not None and best is not None and quantity * best > max_notional * ONE:
        return OVER_NOTIONAL
    return None


def takes(side: Ladder, quantity: int, lot: int) -> list[Taken]:
    """What an order of `quantity` takes along the ladder, in whole lots in all: the rest is cancelled."""
    found: list[Taken] = []
    left = quantity
    for level in side.levels:
        size = left if level.size is None else min(level.size, left)
        if size:
            found.append(Taken(level.price, size))
            left -= size
    surplus = sum(taken.quantity for taken in found) % lot
    while surplus:
        last = found.pop()
        kept = last.quantity - min(surplus, last.quantity)
        surplus -= last.quantity - kept
        if kept:
            found.append(last._replace(quantity=kept))
    return found
