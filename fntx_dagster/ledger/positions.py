"""Positions: which fill closed which, first in, first out, for one symbol of one bot at one exchange.

The lots are apart from the position, so that a fill of a position with a million lots reads only those that it closes.
Gross P&L, fees and costs are in the quote currency of the symbol. A sale beyond what is held opens a short position; a
fill that crosses zero closes and opens, its fee shared by quantity. `accounting/matching.py` matches the fills of a
broker's statements by the same rule; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.exact import exact, stored

ZERO = exact(0)


class Key(NamedTuple):
    """Whose position it is, and of what."""

    bot_id: str
    exchange: str
    symbol: str


class OpenLot(NamedTuple):
    """What one fill opened and nothing has closed yet: `quantity` negative of a short one; `entry_no`: the fill's."""

    entry_no: int
    quantity: Fraction
    price: Fraction


class Trip(NamedTuple):
    """A round trip under way, from zero on: what it realised and its fees so far, and the best and worst of realised
    plus unrealised P&L, gross, at the moments when the book was valued; `fees` None: one has no known worth."""

    opened_at: datetime
    realized: Fraction = ZERO
    fees: Fraction | None = ZERO
    best: Fraction = ZERO
    worst: Fraction = ZERO

    @property
    def net(self) -> Fraction | None:
        """What it made after fees; None where a fee has no known worth."""
        return None if self.fees is None else self.realized - self.fees


def joined(first: Trip | None, second: Trip | None) -> Trip | None:
    """Two round trips under way as one, where one position goes on in another."""
    if first is None or second is None:
        return first or second
    return Trip(
        min(first.opened_at, second.opened_at),
        first.realized + second.realized,
        _sum(first.fees, second.fees),
        first.best + second.best,
        first.worst + second.worst,
    )


class Position(NamedTuple):
    """What is held: `quantity` negative of a short position, `cost` what it was opened for, with the same sign."""

    quantity: Fraction = ZERO
    cost: Fraction = ZERO
    trip: Trip | None = None

    @property
    def average_price(self) -> Fraction | None:
        return self.cost / self.quantity if self.quantity else None

    def unrealized(self, mark: Fraction) -> Fraction:
        """The gross P&L of closing all of it at `mark`."""
        return self.quantity * mark - self.cost

    def valued(self, mark: Fraction) -> Position:
        """The same position with its trip's best and worst as of a moment at which the price is `mark`."""
        if self.trip is None:
            return self
        result = stored(self.trip.realized + self.unrealized(mark))
        trip = self.trip._replace(best=max(self.trip.best, result), worst=min(self.trip.worst, result))
        return self._replace(trip=trip)


class Filled(NamedTuple):
    """What a fill did: the position after it, what it took of each lot (signed as the lot), the lot that it opened, its
    gross P&L, and the round trips that ended."""

    position: Position
    taken: list[tuple[OpenLot, Fraction]]
    opened: OpenLot | None
    realized: Fraction
    ended: list[Trip]


def fill(
    position: Position,
    lots: Iterable[OpenLot],
    entry_no: int,
    quantity: Fraction,
    price: Fraction,
    fee: Fraction | None,
    at: datetime,
) -> Filled:
    """A fill of `quantity` (negative: sold; not zero) at `price`, with its fee in the quote currency (None: unknown).

    `lots`: those of the position, oldest first; it is read only as far as the fill closes. Raises ValueError where the
    lots are fewer than the position.
    """
    trip = position.trip or Trip(at)
    if position.quantity * quantity >= 0:
        opened = OpenLot(entry_no, quantity, price)
        trip = trip._replace(fees=_sum(trip.fees, fee))
        return Filled(_plus(position, quantity, price, trip), [], opened, ZERO, [])
    closing = quantity if abs(quantity) <= abs(position.quantity) else -position.quantity
    taken, cost = _take(lots, -closing)
    realized = -closing * price - cost
    share = None if fee is None else stored(fee * closing / quantity)
    trip = trip._replace(realized=trip.realized + realized, fees=_sum(trip.fees, share))
    after = Position(position.quantity + closing, position.cost - cost, trip)
    if after.quantity:
        return Filled(after, taken, None, realized, [])
    if closing == quantity:
        return Filled(Position(), taken, None, realized, [trip])
    rest = quantity - closing
    new = Trip(at, fees=None if fee is None or share is None else fee - share)
    return Filled(_plus(Position(), rest, price, new), taken, OpenLot(entry_no, rest, price), realized, [trip])


def release(
    position: Position, lots: Iterable[OpenLot], quantity: Fraction
) -> tuple[list[tuple[OpenLot, Fraction]], Fraction]:
    """What the oldest lots hold up to a quantity, signed as they are: each with what is taken of it, and their cost.

    Raises ValueError where the position holds less, or the other way round.
    """
    if position.quantity * quantity <= 0 or abs(quantity) > abs(position.quantity):
        raise ValueError("the position holds less than what is taken of it")
    return _take(lots, quantity)


def _plus(position: Position, quantity: Fraction, price: Fraction, trip: Trip) -> Position:
    return Position(position.quantity + quantity, position.cost + quantity * price, trip)


def _take(lots: Iterable[OpenLot], wanted: Fraction) -> tuple[list[tuple[OpenLot, Fraction]], Fraction]:
    """The oldest lots up to a quantity (signed as they are), each with what is taken of it, and their cost."""
    taken: list[tuple[OpenLot, Fraction]] = []
    cost = ZERO
    oldest = iter(lots)
    while wanted and (lot := next(oldest, None)):
        part = lot.quantity if abs(lot.quantity) <= abs(wanted) else wanted
        taken.append((lot, part))
        cost += part * lot.price
        wanted -= part
    if wanted:
        raise ValueError("the lots hold less than the position")
    return taken, cost


def _sum(first: Fraction | None, second: Fraction | None) -> Fraction | None:
    return None if first is None or second is None else first + second
