"""Who holds a bond, as a register of changes: each dated, none ever altered. Units are whole, and what one holder gives
another gets, so that the units of a tranche, and of the equity, never change by a transfer.

A change counts from its record date on: whoever holds at the end of a day is paid by a distribution of that day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from fntx_dagster.errors import Permanent

Line = tuple[str | None, str]
"""A tranche, None of the equity, and a holder."""


class RegisterEntry(NamedTuple):
    """More units of a holder, or negative ones, from `record_date` on; None: since the bond was structured. `address`:
    where the holder is paid; that of the newest entry with units above 0 counts."""

    tranche_id: str | None
    holder: str
    units: int
    address: str
    record_date: date | None


class HeldUnits(NamedTuple):
    """What a holder has of a tranche or of the equity, and where it is paid."""

    units: int
    address: str


class UnitMove(NamedTuple):
    """Units that go from a holder to another at its address; of the same holder all its units, to a new address."""

    tranche_id: str | None
    holder: str
    to: str
    units: int
    address: str


def held_on(entries: Iterable[RegisterEntry], day: date | None = None) -> dict[Line, HeldUnits]:
    """Who holds how much at the end of a day, None: after all entries. `entries` in the order in which they were
    made."""
    counted = [each for each in entries if day is None or each.record_date is None or each.record_date <= day]
    counted.sort(key=lambda each: each.record_date or date.min)  # stable: of one day as they were made
    held: dict[Line, HeldUnits] = {}
    for each in counted:
        before = held.get((each.tranche_id, each.holder), HeldUnits(0, each.address))
        address = each.address if each.units > 0 else before.address
        held[each.tranche_id, each.holder] = HeldUnits(before.units + each.units, address)
    return {line: each for line, each in held.items() if each.units}


def moved(entries: Sequence[RegisterEntry], moves: Sequence[UnitMove], day: date) -> list[RegisterEntry]:
    """The new entries of moves that count from a day on, one after the other. Permanent where a holder has fewer units
    then, an address does not fit, or the line of one of them was changed later."""
    register, new = [*entries], list[RegisterEntry]()
    for move in moves:
        _require_last(register, move, day)
        pair = _pair(held_on(register, day), move, day)
        register += pair
        new += pair
    return new


def named(tranche_id: str | None) -> str:
    """A tranche, or the equity, in words."""
    return "the equity" if tranche_id is None else f"tranche {tranche_id}"


def _pair(held: dict[Line, HeldUnits], move: UnitMove, day: date) -> list[RegisterEntry]:
    line = named(move.tranche_id)
    own = held.get((move.tranche_id, move.holder))
    if own is None or own.units < move.units:
        has = "no units" if own is None else f"{own.units} units"
        raise Permanent(f"{move.holder} has {has} of {line} on {day}", "`fntx bond holders` lists who holds what")
    if move.units < 1:
        raise Permanent(f"{move.units} units of {line} cannot be moved", "Units are whole, 1 at least")
    other = held.get((move.tranche_id, move.to))
    if move.to == move.holder:
        if move.address == own.address:
            raise Permanent(f"{move.holder} is paid at {move.address} already", "Name another holder, or an address")
        if move.units != own.units:
            raise Permanent(
                f"{move.holder} is paid at one address, and {move.units} of its {own.units} units would be at another",
                "Move all of them: leave the units out",
            )
    elif other is not None and other.address != move.address:
        raise Permanent(
            f"{move.to} is paid at {other.address} for what it has of {line}, and not at {move.address}",
            f"Name that address, or first move what it has: from {move.to} to {move.to}",
        )
    return [
        RegisterEntry(move.tranche_id, move.holder, -move.units, own.address, day),
        RegisterEntry(move.tranche_id, move.to, move.units, move.address, day),
    ]


def _require_last(entries: Iterable[RegisterEntry], move: UnitMove, day: date) -> None:
    """What somebody held later is not changed behind it."""
    lines = {(move.tranche_id, move.holder), (move.tranche_id, move.to)}
    later = [
        each.record_date
        for each in entries
        if (each.tranche_id, each.holder) in lines and each.record_date is not None and each.record_date > day
    ]
    if later:
        raise Permanent(
            f"{move.holder} or {move.to} had a change of {named(move.tranche_id)} on {max(later)}, after {day}",
            f"Date this one {max(later)} or later",
        )
