"""Which lots are one strategy: the rule of docs/strategies.md.

Pure. Lots are joined, never split, so that each lot is in exactly one strategy and the sums hold: an option's round
trip with the shares that its assignment or exercise brought or took; what was opened together with an option, by one
order or within five minutes; an option and the one that replaces it; shares and the option that is sold on them. A link
in time never crosses the close of a session. What a person groups is taken out of the rule. What a group is called is
in `strategy_kinds.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from fntx_dagster.metrics.joining import Joined
from fntx_dagster.model.contract import is_option, is_stock, underlying_of
from fntx_dagster.model.strategies import StrategyLots, TradedLot

TOGETHER = timedelta(minutes=5)
"""From the first opening to the last of what was opened together; between the closing of an option and the opening of
the one that replaces it."""
_NEW = frozenset({"trade", "assignment", "exercise", "transfer", "held", "unstated"})
"""How a lot begins that carries on no other; a corporate action carries the others."""


class Assigned(NamedTuple):
    """What a person said of a round trip: the group that it belongs to, and the kind of that group."""

    group: str
    kind: str


def grouped(
    lots: Iterable[TradedLot], delivered_by: Mapping[str, str], assigned: Mapping[str, Assigned]
) -> list[StrategyLots]:
    """The strategies of one account, in the order of their first opening.

    `delivered_by` maps the fill that delivers shares to the fill that assigns or exercises the option, `assigned` a
    round trip to what a person said of it. A strategy depends on the lots alone that the account held in an underlying
    since it last held nothing in it: all of these have to be given.
    """
    ordered = sorted(lots, key=lambda lot: (lot.opened_at, lot.open_fill_id, lot.lot_id))
    units = _Units(ordered, delivered_by)
    person = _by_a_person(units, assigned)
    openings = [opening for opening in _openings(units) if units.leader(opening.lot) not in person]
    spreads: set[str] = set()
    rolled: set[str] = set()
    closings = _closings(lot for lot in ordered if units.leader(lot) not in person)
    for session, members in groupby(sorted(openings, key=_session_and_moment), key=lambda opening: opening.session):
        together = list(members)
        spreads |= _join_what_was_opened_together(units, together)
        rolled |= _join_what_was_rolled(units, together, closings.get(session, ()))
    covering, covered = _join_what_was_covered(units, person, openings, spreads)
    _join_shares_of_a_position(units, person)
    return _strategies(units, person, rolled, covering, covered)


class _Units:
    """What is never split, and how it is joined: an option's round trip with the shares that it brought or took; of
    other shares those of one fill."""

    def __init__(self, lots: Sequence[TradedLot], delivered_by: Mapping[str, str]) -> None:
        self.lots = lots
        self.joined = Joined()
        self.names: dict[str, str] = {}
        ended_by = {
            lot.close_fill_id: lot.round_trip_id
            for lot in lots
            if is_option(lot.contract) and lot.how_ended in ("assigned", "exercised")
        }
        for lot in lots:
            if is_option(lot.contract):
                self.names[lot.lot_id] = lot.round_trip_id
                continue
            root = lot.open_fill_id if lot.how_opened in _NEW else lot.origin_fill_id or lot.open_fill_id
            trips = [ended_by.get(delivered_by.get(fill or "")) for fill in (root, lot.close_fill_id)]
            known = [trip for trip in trips if trip]
            self.names[lot.lot_id] = known[0] if known else f"shares {root}"
            for trip in known:
                self.joined.join(known[0], trip)

    def leader(self, lot: TradedLot) -> str:
        return self.joined.leader(self.names[lot.lot_id])


class _Opening(NamedTuple):
    """A quantity of a contract that one fill opened, by a trade; `lot` is any lot of it, `unit` is joined."""

    lot: TradedLot
    unit: str
    quantity: Decimal

    @property
    def session(self) -> tuple[str, str, date]:
        return (*_market(self.lot), self.lot.opened_day)


def _market(lot: TradedLot) -> tuple[str, str]:
    return underlying_of(lot.contract), lot.currency


def _session_and_moment(opening: _Opening) -> tuple[object, ...]:
    return opening.session, opening.lot.opened_at, opening.lot.open_fill_id, opening.unit


def _by_a_person(units: _Units, assigned: Mapping[str, Assigned]) -> dict[str, str]:
    """Leader → the kind that a person gave; what a person put into one group is joined."""
    groups: dict[str, list[str]] = defaultdict(list)
    kinds: dict[str, str] = {}
    for lot in units.lots:
        if said := assigned.get(lot.round_trip_id):
            groups[said.group].append(units.names[lot.lot_id])
            kinds[said.group] = said.kind
    for names in groups.values():
        for name in names:
            units.joined.join(names[0], name)
    return {units.joined.leader(names[0]): kinds[group] for group, names in groups.items()}


def _openings(units: _Units) -> list[_Opening]:
    quantities: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    first: dict[tuple[str, str], TradedLot] = {}
    for lot in units.lots:
        if lot.how_opened == "trade":
            key = units.names[lot.lot_id], lot.open_fill_id
            quantities[key] += lot.quantity
            first.setdefault(key, lot)
    return [_Opening(lot, key[0], quantities[key]) for key, lot in first.items()]


def _closings(lots: Iterable[TradedLot]) -> dict[tuple[str, str, date], list[TradedLot]]:
    """Options that trades closed, by market and session of the closing."""
    closings: dict[tuple[str, str, date], list[TradedLot]] = defaultdict(list)
    for lot in lots:
        if is_option(lot.contract) and lot.how_ended == "traded" and lot.closed_day:
            closings[*_market(lot), lot.closed_day].append(lot)
    return closings


def _join_what_was_opened_together(units: _Units, openings: Sequence[_Opening]) -> set[str]:
    """One order, or at most five minutes after the first of them. Shares alone are no strategy. Returns the fills that
    sold an option beside one of the same right that was bought."""
    by_order: dict[str, list[_Opening]] = defaultdict(list)
    windows: list[list[_Opening]] = []
    for opening in openings:
        if opening.lot.open_order:
            by_order[opening.lot.open_order].append(opening)
        if windows and opening.lot.opened_at - windows[-1][0].lot.opened_at <= TOGETHER:
            windows[-1].append(opening)
        else:
            windows.append([opening])
    spreads = set()
    for together in (*by_order.values(), *windows):
        options = [opening for opening in together if is_option(opening.lot.contract)]
        for opening in together if options else ():
            units.joined.join(options[0].unit, opening.unit)
        bought = {opening.lot.contract.put_call for opening in options if opening.lot.sign > 0}
        spreads |= {opening.lot.open_fill_id for opening in options if opening.lot.contract.put_call in bought}
    return spreads


def _join_what_was_rolled(units: _Units, openings: Iterable[_Opening], closings: Sequence[TradedLot]) -> set[str]:
    """An option opened within five minutes of the closing of another of its right and side, or by one order with it.
    Returns the units that replaced another."""
    rolled = set()
    for opening in openings:
        new = opening.lot
        for old in closings:
            if not _replaces(new, old) or old.closed_at is None:
                continue
            one_order = new.open_order is not None and new.open_order == old.close_order
            if one_order or abs(new.opened_at - old.closed_at) <= TOGETHER:
                units.joined.join(units.names[old.lot_id], opening.unit)
                rolled.add(opening.unit)
    return rolled


def _replaces(new: TradedLot, old: TradedLot) -> bool:
    same = (new.contract.put_call, new.sign) == (old.contract.put_call, old.sign)
    return is_option(new.contract) and same and new.contract.contract_id != old.contract.contract_id


def _join_what_was_covered(
    units: _Units, person: Container[str], openings: Iterable[_Opening], spreads: set[str]
) -> tuple[set[str], set[str]]:
    """A call sold on long shares, or a put on short ones, that a strategy with an option holds and no option covers
    yet, joins the strategy that has held them longest; a spread stands by itself.

    Returns the units that joined so, and the fills of calls that any shares of the account cover.
    """
    with_option = {units.leader(lot) for lot in units.lots if is_option(lot.contract)}
    by_market: dict[tuple[str, str], list[TradedLot]] = defaultdict(list)
    for lot in units.lots:
        by_market[_market(lot)].append(lot)
    sold = [opening for opening in openings if is_option(opening.lot.contract) and opening.lot.sign < 0]
    covering: set[str] = set()
    covered: set[str] = set()
    for market, own in groupby(sorted(sold, key=_session_and_moment), key=lambda opening: _market(opening.lot)):
        if not any(is_stock(lot.contract) for lot in by_market[market]):
            continue
        for opening, held in _held_at(own, by_market[market]):
            needed = opening.quantity * opening.lot.contract.multiplier
            room: dict[str, Decimal] = defaultdict(Decimal)
            for lot in held:
                room[units.leader(lot)] += _covers(lot, opening.lot)
            if opening.lot.contract.put_call == "C" and sum(room.values()) >= needed:
                covered.add(opening.lot.open_fill_id)
            holders = [leader for leader in room if leader in with_option and leader not in person]
            if opening.lot.open_fill_id in spreads or units.joined.leader(opening.unit) in holders:
                continue
            if holder := next((leader for leader in holders if room[leader] >= needed), None):
                units.joined.join(holder, opening.unit)
                covering.add(opening.unit)
    return covering, covered


def _held_at(openings: Iterable[_Opening], lots: Sequence[TradedLot]) -> Iterator[tuple[_Opening, list[TradedLot]]]:
    """Each opening, which come in the order of time, with the lots that are open right before it."""
    place, held = 0, []
    for opening in openings:
        now = opening.lot.opened_at
        while place < len(lots) and lots[place].opened_at <= now:
            held.append(lots[place])
            place += 1
        held = [lot for lot in held if lot.closed_at is None or lot.closed_at > now]
        yield opening, [lot for lot in held if lot.open_fill_id != opening.lot.open_fill_id]


def _covers(lot: TradedLot, sold: TradedLot) -> Decimal:
    """How many units of the underlying a lot leaves for an option that is sold: shares on the option's side, less what
    options of its right that were sold before take."""
    side = 1 if sold.contract.put_call == "C" else -1
    if is_stock(lot.contract):
        return lot.quantity * lot.contract.multiplier if lot.sign == side else Decimal(0)
    if is_option(lot.contract) and lot.sign < 0 and lot.contract.put_call == sold.contract.put_call:
        return -lot.quantity * lot.contract.multiplier
    return Decimal(0)


def _join_shares_of_a_position(units: _Units, person: Container[str]) -> None:
    """What no option joined is one position from zero to zero, as a round trip is."""
    with_option = {units.leader(lot) for lot in units.lots if is_option(lot.contract)}
    for lot in units.lots:
        if units.leader(lot) not in with_option and units.leader(lot) not in person:
            units.joined.join(f"position {lot.round_trip_id}", units.names[lot.lot_id])


def _strategies(
    units: _Units, person: Mapping[str, str], rolled: set[str], covering: set[str], covered: set[str]
) -> list[StrategyLots]:
    members: dict[str, list[TradedLot]] = defaultdict(list)
    trips: dict[str, list[TradedLot]] = defaultdict(list)
    for lot in units.lots:
        members[units.leader(lot)].append(lot)
        trips[lot.round_trip_id].append(lot)
    replaced = {units.joined.leader(name) for name in rolled}
    joined_by_cover = {units.joined.leader(name) for name in covering}
    strategies = []
    for leader, own in members.items():
        calls = {lot.open_fill_id for lot in own if lot.sign < 0 and lot.contract.put_call == "C"}
        until = own
        if not any(is_option(lot.contract) for lot in own):  # shares alone end with their position
            until = [lot for trip in {lot.round_trip_id for lot in own} for lot in trips[trip]]
        days = [lot.closed_day for lot in until]
        strategies.append(
            StrategyLots(
                own,
                rolled=leader in replaced,
                covering=leader in joined_by_cover,
                covered=bool(calls) and calls <= covered,
                named=person.get(leader),
                ended=None if None in days else max(day for day in days if day),
            )
        )
    return strategies
