"""Which fill closed which: first in, first out, for one contract of one account.

P&L is gross, from the prices of the fills: an option that is assigned or exercised ends at the price of its own row
(zero), and the stock it moved opens or closes at the strike. Fees stay apart, each leg with its share of its fill's
commission, so that the shares sum to the commission to the last digit. A split, a merger or a change of symbol ends
the lots that it takes at their cost and opens others that carry it; fees stay with the lots that a trade opened. The
broker's figures differ by convention, not by money: `broker_pnl.py` takes one to the other. A lot of unknown cost gets
its P&L from them, where they say it (`known_cost.py`).
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from datetime import timedelta
from decimal import Decimal

from fntx_dagster.accounting.fills import (
    ASSIGNMENT,
    CLOSES_ONLY,
    CLOSES_SOME,
    CORPORATE_ACTION,
    CORPORATE_ACTIONS,
    DELIVERY,
    EXERCISE,
    EXPIRATION,
    FX_CONVERSION,
    MERGER,
    SPIN_OFF,
    SPLIT,
    SYMBOL_CHANGE,
    TRADE,
    TRANSFER_IN,
    TRANSFER_OUT,
    Fill,
)
from fntx_dagster.accounting.fx import PLACES
from fntx_dagster.accounting.known_cost import by_brokers_figure
from fntx_dagster.accounting.lots import LONG, SHORT, UNSTATED, Effect, Lot, Matching, Unopened

_ENDINGS = {
    TRADE: "traded",
    EXPIRATION: "expired",
    ASSIGNMENT: "assigned",
    EXERCISE: "exercised",
    DELIVERY: "delivered",
    SPLIT: "split",
    MERGER: "merged",
    SPIN_OFF: "spun_off",
    SYMBOL_CHANGE: "renamed",
    CORPORATE_ACTION: "corporate_action",
    TRANSFER_IN: "transferred",
    TRANSFER_OUT: "transferred",
}
_OPENINGS = {TRANSFER_IN: "transfer", TRANSFER_OUT: "transfer"} | dict.fromkeys(CORPORATE_ACTIONS, SPIN_OFF)
"""What an action opens that carries no other lot's cost is called like what is spun off, whatever the action was."""
_ENDS_WITH_A_RESULT = frozenset({TRADE, EXPIRATION, ASSIGNMENT, EXERCISE, DELIVERY})
_ZERO = Decimal(0)


def match(fills: Iterable[Fill], open_lots: Iterable[Lot] = (), *, unstated: bool = False) -> Matching:
    """Match the fills of one contract, in order of execution, against the lots open before the first of them.

    Deterministic and resumable: two ranges one after the other, the second from the first one's open lots, give what
    both at once give. A fill that, by its kind or the broker's word, can only close opens nothing: what finds no open
    lot is returned as `unopened`, and with `unstated` closes a lot of unknown cost. Zero quantities and currency
    conversions hold no lot.
    """
    book = _Book(deque(sorted(open_lots, key=lambda lot: lot.opened_at)), unstated)
    for fill in fills:
        book.take(fill)
    return book.matching


def match_contracts(
    fills: Iterable[Fill], open_lots: Iterable[tuple[str, Lot]] = (), *, unstated: bool = False
) -> dict[str, Matching]:
    """`match` for each contract_id of one account that has fills or open lots; these come with their contract_id.

    Fills in order of execution, of all contracts: the legs of an exchange are taken together, whichever comes first.
    """
    fills = list(fills)
    held: dict[str, list[Lot]] = defaultdict(list)
    for contract_id, lot in open_lots:
        held[contract_id].append(lot)
    contracts = held.keys() | {fill.contract_id for fill in fills}
    books = {
        contract_id: _Book(deque(sorted(held[contract_id], key=lambda lot: lot.opened_at)), unstated)
        for contract_id in contracts
    }
    legs = {fill.fill_id: fill for fill in fills if fill.event_type in CORPORATE_ACTIONS and fill.linked_fill_id}
    for fill in fills:
        other = legs.get(fill.linked_fill_id or "") if fill.fill_id in legs else None
        if other is None or other is fill:
            books[fill.contract_id].take(fill)
        elif fill.fill_id not in books[fill.contract_id].effects:
            _exchange(fill, other, books)
    return {contract_id: book.matching for contract_id, book in books.items()}


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

    def __init__(self, open_lots: deque[Lot], unstated: bool = False) -> None:
        self.open = open_lots
        self.unstated = unstated
        self.closed: list[Lot] = []
        self.effects: dict[str, Effect] = {}
        self.unopened: list[Unopened] = []

    @property
    def matching(self) -> Matching:
        return Matching(tuple(self.closed), tuple(self.open), self.effects, tuple(self.unopened))

    @property
    def held(self) -> Decimal:
        """What the open lots hold, signed."""
        held = sum((lot.quantity for lot in self.open), _ZERO)
        return held if self.open and self.open[0].direction == LONG else -held

    def take(self, fill: Fill) -> None:
        if not fill.quantity or fill.event_type == FX_CONVERSION:
            self.effects[fill.fill_id] = Effect(_ZERO, _ZERO, _ZERO)
            return
        if fill.linked_fill_id == fill.fill_id and not self._issues(fill):
            self._scale(fill)
            return
        rest = _Rest(abs(fill.quantity), fill.commission)
        direction = LONG if fill.quantity > 0 else SHORT
        before = len(self.closed)
        trip = self.open[0].round_trip_id if self.open else fill.fill_id
        closes = bool(self.open) and self.open[0].direction != direction
        realised = self._close(fill, rest) if closes else _ZERO
        if closes and rest.quantity:
            trip = fill.fill_id
        opening = rest.quantity
        if opening and (fill.closes == CLOSES_ONLY or (fill.closes == CLOSES_SOME and not closes and not self.open)):
            is_lot = self.unstated and fill.event_type in _ENDS_WITH_A_RESULT
            self.unopened.append(Unopened(fill.fill_id, opening, _ZERO if is_lot else rest.fee))
            if is_lot:
                self.closed.append(_unstated(fill, rest, trip))
            opening = _ZERO
        elif opening:
            self.open.append(_opened(fill, direction, rest, trip))
        unknown = _ZERO
        if any(lot.gross_pnl is None for lot in self.closed[before:]):
            self.closed[before:] = closed = by_brokers_figure(fill, self.closed[before:])
            unknown = sum((lot.quantity for lot in closed if lot.gross_pnl is None), _ZERO)
            realised = sum((lot.realised for lot in closed), _ZERO)
        self.effects[fill.fill_id] = Effect(opening, abs(fill.quantity) - opening, realised, unknown)

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
            realised += done.realised
        return realised

    def _issues(self, fill: Fill) -> bool:
        """Whether a split that may give its shares apart from the old ones does so, or takes all of them back."""
        return fill.closes != CLOSES_ONLY and (not self.open or self.held == -fill.quantity)

    def _scale(self, fill: Fill) -> None:
        """A split in place: every lot ends at its cost and goes on with another quantity.

        What the statements do not know (a part held since before the first of them) is scaled by the broker's ratio.
        A row that goes against the ratio takes the split back: it carries the words, and the ratio, of the split.
        """
        held = self.held
        scaled = after = held + fill.quantity
        if fill.ratio:
            new, old = fill.ratio
            taken_back = held * (new - old) * fill.quantity < 0
            scaled = held * old / new if taken_back else held * new / old
        if abs(scaled - after) >= 1:
            after = scaled.quantize(PLACES)
        if not held or held * after <= 0:
            self.effects[fill.fill_id] = Effect(_ZERO, _ZERO, _ZERO)
            self.unopened.append(Unopened(fill.fill_id, abs(fill.quantity), fill.commission))
            return
        lots = list(self.open)
        self.open.clear()
        realised = self.carry(lots, self, fill, fill, abs(after), _ZERO)
        self.effects[fill.fill_id] = Effect(abs(after), abs(held), realised)
        if rest := fill.quantity - (after - held):
            self.unopened.append(Unopened(fill.fill_id, abs(rest), _ZERO))

    def release(self, quantity: Decimal) -> list[Lot]:
        """The oldest open lots up to a quantity, taken off; a lot that goes in part leaves its rest."""
        released = []
        while quantity and self.open:
            lot = self.open.popleft()
            part = min(lot.quantity, quantity)
            rest = _Rest(lot.quantity, lot.open_fee)
            released.append(lot._replace(quantity=part, open_fee=rest.take(part)))
            if rest.quantity:
                self.open.appendleft(lot._replace(quantity=rest.quantity, open_fee=rest.fee))
            quantity -= part
        return released

    def carry(
        self, lots: Sequence[Lot], to: _Book, taken: Fill, given: Fill, quantity: Decimal, cash: Decimal
    ) -> Decimal:
        """End `lots` at their cost and open others in `to` that carry it, less the cash that came with them.

        The gross P&L of the old lots, which is what no price of twelve places can carry: with it, no digit is lost.
        """
        direction = lots[0].direction if to is self else (LONG if given.quantity > 0 else SHORT)
        sign = 1 if direction == LONG else -1
        known = sum((lot.quantity for lot in lots), _ZERO)
        trip = to.open[0].round_trip_id if to.open else None
        rest, paid, realised = _Rest(known, quantity), _Rest(known, cash), _ZERO
        for place, lot in enumerate(lots):
            size, money = rest.take(lot.quantity), paid.take(lot.quantity)
            if lot.open_price is None:
                self.closed.append(_carried_away(lot, taken, _ZERO))
                to.open.append(_carried_on(lot, given, place, direction, size, None, trip or lot.round_trip_id))
                continue
            cost = lot.quantity * lot.open_price * lot.multiplier * (1 if lot.direction == LONG else -1)
            price = ((cost - money) / (sign * size * given.multiplier)).quantize(PLACES)
            left = money + sign * size * price * given.multiplier - cost
            self.closed.append(_carried_away(lot, taken, left))
            to.open.append(_carried_on(lot, given, place, direction, size, price, trip or lot.round_trip_id))
            realised += left
        return realised


def _exchange(first: Fill, second: Fill, books: dict[str, _Book]) -> None:
    """What one leg takes out of its contract's lots goes on in the other's, at the same cost.

    The leg that takes is the one that goes against what is held. Where both do, each closes what it finds, at the price
    of its own row: the sum is the same. Where neither does, no statement opened what is exchanged.
    """
    against = [leg for leg in (first, second) if books[leg.contract_id].held * leg.quantity < 0]
    if len(against) != 1:
        for leg in (first, second):
            books[leg.contract_id].take(leg._replace(closes=CLOSES_ONLY) if not against else leg)
        return
    (taken,) = against
    given = second if taken is first else first
    source, target = books[taken.contract_id], books[given.contract_id]
    wanted = abs(taken.quantity)
    lots = source.release(wanted)
    known = sum((lot.quantity for lot in lots), _ZERO)
    part = (lambda amount: amount) if known == wanted else (lambda amount: (amount * known / wanted).quantize(PLACES))
    quantity = part(abs(given.quantity))
    realised = source.carry(lots, target, taken, given, quantity, part(taken.proceeds + given.proceeds))
    source.effects[taken.fill_id] = Effect(_ZERO, known, realised)
    target.effects[given.fill_id] = Effect(quantity, _ZERO, _ZERO)
    for leg, book, rest in ((taken, source, wanted - known), (given, target, abs(given.quantity) - quantity)):
        if rest:
            book.unopened.append(Unopened(leg.fill_id, rest, _ZERO))


def _carried_away(lot: Lot, fill: Fill, left: Decimal) -> Lot:
    return lot._replace(
        close_fill_id=fill.fill_id,
        closed_at=fill.executed_at,
        closed_session=fill.session,
        close_price=lot.open_price,
        close_fee=_ZERO,
        close_fx_rate=fill.fx_rate_to_base,
        gross_pnl=left,
        how_ended=_ENDINGS[fill.event_type],
    )


def _carried_on(
    lot: Lot, fill: Fill, place: int, direction: str, quantity: Decimal, price: Decimal | None, trip: str
) -> Lot:
    """The lot in its new shape; its moment keeps its place among those that one action carries."""
    return Lot(
        direction=direction,
        quantity=quantity,
        multiplier=fill.multiplier,
        open_fill_id=fill.fill_id,
        opened_at=fill.executed_at + timedelta(microseconds=place),
        opened_session=fill.session,
        open_price=price,
        open_fee=_ZERO,
        open_fx_rate=lot.open_fx_rate,
        how_opened=fill.event_type,
        origin_fill_id=lot.origin_fill_id if lot.carried else lot.open_fill_id,
        round_trip_id=trip,
        opened_before=lot.opened_before,
    )


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
        how_opened=(fill.delivered_by or ASSIGNMENT) if delivered else _OPENINGS.get(fill.event_type, TRADE),
        origin_fill_id=fill.linked_fill_id if delivered else None,
        round_trip_id=trip,
    )


def _closed(lot: Lot, fill: Fill, quantity: Decimal, open_fee: Decimal, close_fee: Decimal) -> Lot:
    opened = lot.open_price
    change = None if opened is None else fill.price - opened if lot.direction == LONG else opened - fill.price
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
        gross_pnl=None if change is None else change * quantity * lot.multiplier,
        how_ended=_ENDINGS[fill.event_type],
        opened_before=lot.opened_before,
    )


def _unstated(fill: Fill, rest: _Rest, trip: str) -> Lot:
    """What a fill closes although no statement holds its opening: known by its end alone."""
    return Lot(
        direction=SHORT if fill.quantity > 0 else LONG,
        quantity=rest.quantity,
        multiplier=fill.multiplier,
        open_fill_id=f"{UNSTATED}:{fill.fill_id}",
        opened_at=fill.executed_at,
        opened_session=fill.session,
        open_price=None,
        open_fee=_ZERO,
        open_fx_rate=None,
        how_opened=UNSTATED,
        origin_fill_id=None,
        round_trip_id=trip,
        close_fill_id=fill.fill_id,
        closed_at=fill.executed_at,
        closed_session=fill.session,
        close_price=fill.price,
        close_fee=rest.fee,
        close_fx_rate=fill.fx_rate_to_base,
        how_ended=_ENDINGS[fill.event_type],
        opened_before=fill.session,
    )
