"""Which fill closed which: first in, first out, for one contract of one account.

P&L is gross, from the prices of the fills: an option that is assigned or exercised ends at the price of its own row
(zero), and the stock it moved opens or closes at the strike. Fees stay apart, each leg with its share of its fill's
commission, so that the shares sum to the commission to the last digit. The broker's figures differ by convention, not
by money: `reconcile_broker_realised` takes one to the other.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.accounting.fills import (
    ASSIGNMENT,
    CLOSES_ONLY,
    CLOSES_SOME,
    DELIVERY,
    EXERCISE,
    EXPIRATION,
    FX_CONVERSION,
    TRADE,
    Fill,
)
from fntx_dagster.accounting.fx import PLACES

LONG = "long"
SHORT = "short"

_ENDINGS = {
    TRADE: "traded",
    EXPIRATION: "expired",
    ASSIGNMENT: "assigned",
    EXERCISE: "exercised",
    DELIVERY: "delivered",
}
_ZERO = Decimal(0)


class Lot(NamedTuple):
    """A quantity that one fill opened and one other closed, or, with the closing side None, what is still open.

    Quantity absolute; prices and money in the contract's currency; fees signed, costs negative; times aware, UTC.
    """

    direction: str
    quantity: Decimal
    multiplier: Decimal
    open_fill_id: str
    opened_at: datetime
    opened_session: date
    open_price: Decimal
    open_fee: Decimal
    open_fx_rate: Decimal
    how_opened: str
    origin_fill_id: str | None
    round_trip_id: str
    close_fill_id: str | None = None
    closed_at: datetime | None = None
    closed_session: date | None = None
    close_price: Decimal | None = None
    close_fee: Decimal | None = None
    close_fx_rate: Decimal | None = None
    gross_pnl: Decimal | None = None
    how_ended: str | None = None

    @property
    def lot_id(self) -> str:
        return f"{self.open_fill_id}|{self.close_fill_id or 'open'}"


class Effect(NamedTuple):
    """What a fill did to the position: absolute quantities, and the gross P&L that it realised."""

    opening_quantity: Decimal
    closing_quantity: Decimal
    gross_realised: Decimal


class Unopened(NamedTuple):
    """What a fill closed without its opening being in the statements; its share of the commission is in no lot."""

    fill_id: str
    quantity: Decimal
    fee: Decimal


class Matching(NamedTuple):
    """The result for a range of fills: lots closed in it, lots open at its end, each fill's effect by fill_id."""

    closed: tuple[Lot, ...]
    open: tuple[Lot, ...]
    effects: dict[str, Effect]
    unopened: tuple[Unopened, ...]


def match(fills: Iterable[Fill], open_lots: Iterable[Lot] = ()) -> Matching:
    """Match the fills of one contract, in order of execution, against the lots open before the first of them.

    Deterministic and resumable: two ranges one after the other, the second from the first one's open lots, give what
    both at once give. A fill that, by its kind or the broker's word, can only close opens nothing: what finds no open
    lot is returned as `unopened`. Zero quantities and currency conversions hold no lot.
    """
    book = _Book(deque(sorted(open_lots, key=lambda lot: lot.opened_at)))
    for fill in fills:
        book.take(fill)
    return Matching(tuple(book.closed), tuple(book.open), book.effects, tuple(book.unopened))


def match_contracts(fills: Iterable[Fill], open_lots: Iterable[tuple[str, Lot]] = ()) -> dict[str, Matching]:
    """`match` for each contract_id of one account that has fills or open lots; these come with their contract_id."""
    contracts: dict[str, tuple[list[Fill], list[Lot]]] = defaultdict(lambda: ([], []))
    for fill in fills:
        contracts[fill.contract_id][0].append(fill)
    for contract_id, lot in open_lots:
        contracts[contract_id][1].append(lot)
    return {contract_id: match(*told) for contract_id, told in contracts.items()}


class BrokerDifference(NamedTuple):
    """How the broker's realised P&L of one fill comes out of ours: gross + fees + folded_premium + remainder."""

    fill_id: str
    gross: Decimal
    fees: Decimal
    folded_premium: Decimal
    broker_realised: Decimal

    @property
    def remainder(self) -> Decimal:
        """What no convention explains; zero where both saw the same fills."""
        return self.broker_realised - self.gross - self.fees - self.folded_premium


def reconcile_broker_realised(fills: Iterable[Fill], closed: Iterable[Lot]) -> list[BrokerDifference]:
    """Explain the broker's `fifoPnlRealized` of each fill that has one; money in the fill's currency.

    The broker nets the fees of both legs. An assigned or exercised option shows zero there, and its net premium moves
    into the stock: at once where the delivery closes stock, with the later sale or cover where it opens some.
    """
    fills, closed = list(fills), list(closed)
    closed_by: dict[str, list[Lot]] = defaultdict(list)
    for lot in closed:
        closed_by[lot.close_fill_id].append(lot)
    premiums = _premium_per_unit(fills, closed_by)
    differences = []
    for fill in fills:
        if fill.broker_realised is None:
            continue
        lots = closed_by[fill.fill_id]
        gross = sum((lot.gross_pnl for lot in lots), _ZERO)
        fees = sum((lot.open_fee + lot.close_fee for lot in lots), _ZERO)
        if fill.event_type in (ASSIGNMENT, EXERCISE):
            folded = -(gross + fees)
        else:
            folded = sum(
                (
                    lot.quantity * (premiums.get(lot.open_fill_id, _ZERO) + premiums.get(fill.fill_id, _ZERO))
                    for lot in lots
                ),
                _ZERO,
            )
        differences.append(BrokerDifference(fill.fill_id, gross, fees, folded, fill.broker_realised))
    return differences


def _premium_per_unit(fills: Sequence[Fill], closed_by: dict[str, list[Lot]]) -> dict[str, Decimal]:
    """Net premium per share of each delivery, from the options that it ended; several may share one delivery."""
    by_delivery: dict[str, set[str]] = defaultdict(set)
    shares: dict[str, Decimal] = {}
    for fill in fills:
        if fill.event_type == DELIVERY and fill.linked_fill_id:
            by_delivery[fill.fill_id].add(fill.linked_fill_id)
            shares[fill.fill_id] = abs(fill.quantity)
        elif fill.event_type in (ASSIGNMENT, EXERCISE) and fill.linked_fill_id:
            by_delivery[fill.linked_fill_id].add(fill.fill_id)
    return {
        delivery: sum(
            (lot.gross_pnl + lot.open_fee + lot.close_fee for option in options for lot in closed_by[option]), _ZERO
        )
        / shares[delivery]
        for delivery, options in by_delivery.items()
        if delivery in shares
    }


class _Rest:
    """What is left of one fill while it is consumed: quantity (absolute) and commission."""

    __slots__ = ("fee", "quantity")

    def __init__(self, quantity: Decimal, fee: Decimal) -> None:
        self.quantity = quantity
        self.fee = fee

    def take(self, quantity: Decimal) -> Decimal:
        """The fee that goes with a part. The last part takes what is left, so that the parts sum exactly."""
        if quantity == self.quantity:
            part = self.fee
        else:
            part = (self.fee * quantity / self.quantity).quantize(PLACES) if self.fee else self.fee
        self.quantity -= quantity
        self.fee -= part
        return part


class _Book:
    """The open lots of one contract, oldest first, and what has come out of them so far."""

    def __init__(self, open_lots: deque[Lot]) -> None:
        self.open = open_lots
        self.closed: list[Lot] = []
        self.effects: dict[str, Effect] = {}
        self.unopened: list[Unopened] = []

    def take(self, fill: Fill) -> None:
        if not fill.quantity or fill.event_type == FX_CONVERSION:
            self.effects[fill.fill_id] = Effect(_ZERO, _ZERO, _ZERO)
            return
        rest = _Rest(abs(fill.quantity), fill.commission)
        direction = LONG if fill.quantity > 0 else SHORT
        trip = self.open[0].round_trip_id if self.open else fill.fill_id
        closes = bool(self.open) and self.open[0].direction != direction
        realised = self._close(fill, rest) if closes else _ZERO
        if closes and rest.quantity:
            trip = fill.fill_id
        opening = rest.quantity
        if opening and (fill.closes == CLOSES_ONLY or (fill.closes == CLOSES_SOME and not closes and not self.open)):
            self.unopened.append(Unopened(fill.fill_id, opening, rest.fee))
            opening = _ZERO
        elif opening:
            self.open.append(_opened(fill, direction, rest, trip))
        self.effects[fill.fill_id] = Effect(opening, abs(fill.quantity) - opening, realised)

    def _close(self, fill: Fill, rest: _Rest) -> Decimal:
        """Consume open lots from the oldest on; the gross P&L realised."""
        realised = _ZERO
        while rest.quantity and self.open:
            lot = self.open.popleft()
            quantity = min(lot.quantity, rest.quantity)
            opening = _Rest(lot.quantity, lot.open_fee)
            done = _closed(lot, fill, quantity, opening.take(quantity), rest.take(quantity))
            if opening.quantity:
                self.open.appendleft(lot._replace(quantity=opening.quantity, open_fee=opening.fee))
            self.closed.append(done)
            realised += done.gross_pnl
        return realised


def _opened(fill: Fill, direction: str, rest: _Rest, trip: str) -> Lot:
    delivered = fill.event_type == DELIVERY
    return Lot(
        direction=direction,
        quantity=rest.quantity,
        multiplier=fill.multiplier,
        open_fill_id=fill.fill_id,
        opened_at=fill.executed_at,
        opened_session=fill.session,
        open_price=fill.price,
        open_fee=rest.fee,
        open_fx_rate=fill.fx_rate_to_base,
        how_opened=(fill.delivered_by or ASSIGNMENT) if delivered else TRADE,
        origin_fill_id=fill.linked_fill_id if delivered else None,
        round_trip_id=trip,
    )


def _closed(lot: Lot, fill: Fill, quantity: Decimal, open_fee: Decimal, close_fee: Decimal) -> Lot:
    change = fill.price - lot.open_price if lot.direction == LONG else lot.open_price - fill.price
    return Lot(  # not _replace: it takes four times as long, and a year of day trades has a lot for every other fill
        lot.direction,
        quantity,
        lot.multiplier,
        lot.open_fill_id,
        lot.opened_at,
        lot.opened_session,
        lot.open_price,
        open_fee,
        lot.open_fx_rate,
        lot.how_opened,
        lot.origin_fill_id,
        lot.round_trip_id,
        close_fill_id=fill.fill_id,
        closed_at=fill.executed_at,
        closed_session=fill.session,
        close_price=fill.price,
        close_fee=close_fee,
        close_fx_rate=fill.fx_rate_to_base,
        gross_pnl=change * quantity * lot.multiplier,
        how_ended=_ENDINGS[fill.event_type],
    )
