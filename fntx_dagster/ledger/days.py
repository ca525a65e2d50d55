"""The days of a book: what took effect in each, and what the book held at its end, from the entries alone.

A day is one of UTC: it begins after 00:00 and ends with the next 00:00, as the days of the calendar 24/7 do. An entry
belongs to the day in which it takes effect, whenever it was recorded; a live fill that an exchange reported after its
day, to the day on which it was booked. Whoever has the entries of a book up to the head of a day finds the same day;
the prices at its end are the only thing that the entries do not hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.entries import START, Entry, Head
from fntx_dagster.ledger.positions import Key
from fntx_dagster.ledger.postings import CASH, LedgerLeg

_DAY = timedelta(days=1)


class Holdings(NamedTuple):
    """What a book holds at a moment: cash by currency, and of each position its quantity; neither has a zero."""

    cash: Mapping[str, Fraction]
    positions: Mapping[Key, Fraction]


class DayOfBook(NamedTuple):
    """A day: the entries that took effect in it, by time and number; what was held before and after them; the last
    entry, by number, that took effect by its end (all before it count too); since when each position is held."""

    day: date
    entries: tuple[Entry, ...]
    opening: Holdings
    closing: Holdings
    head: Head
    held_since: Mapping[Key, datetime]


def day_of(at: datetime) -> date:
    """The day in which a moment lies; 00:00 UTC is the end of the day before."""
    return (at - datetime.resolution).astimezone(UTC).date()


def ends_at(day: date) -> datetime:
    """The moment that ends a day: the next 00:00 UTC."""
    return datetime.combine(day + _DAY, time(), tzinfo=UTC)


def days_of(
    entries: Iterable[Entry], first: date, last: date, entry_of: Callable[[int], Mapping[str, Any]]
) -> Iterator[DayOfBook]:
    """The days `first` to `last`, both included, of a book whose entries are given in order of their numbers.

    `entry_of`: an entry by its number, for those that take another one back.
    """
    moves: defaultdict[date, _Moves] = defaultdict(_Moves)
    for entry in entries:
        at = takes_effect(entry)
        if (day := day_of(at)) > last:
            continue
        of_day = moves[day]
        of_day.head = Head(entry["entry_no"], entry["hash"])
        if day >= first:
            of_day.entries.append(entry)
        for leg in kinds.postings(entry, reversed_by(entry, entry_of)):
            of_day.legs[leg.account, leg.currency] += leg.amount
            if key := key_of(leg):
                of_day.traded[key].append((at, leg.amount))
    held: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    head, since = START, dict[Key, datetime]()
    for day in sorted(day for day in moves if day < first):
        head = _moved(held, since, moves[day], head)
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        opening, of_day = _holdings(held), moves[day]
        head = _moved(held, since, of_day, head)
        closing = _holdings(held)
        ordered = sorted(of_day.entries, key=lambda entry: (takes_effect(entry), entry["entry_no"]))
        known = {key: since[key] for key in closing.positions}
        yield DayOfBook(day, tuple(ordered), opening, closing, head, known)


def takes_effect(entry: Mapping[str, Any]) -> datetime:
    """The moment at which an entry takes effect in its day."""
    at, counted = kinds.at_of(entry), kinds.counted_at(entry)
    return at if day_of(at) == day_of(counted) else counted


def reversed_by(entry: Mapping[str, Any], entry_of: Callable[[int], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The entry that an entry takes back; None where it takes none back."""
    return entry_of(entry["reverses"]) if entry["event_type"] == kinds.REVERSAL else None


def key_of(leg: LedgerLeg) -> Key | None:
    """The position that a leg moves; None for money and for the other side of a trade."""
    kind, _, rest = leg.account.partition(":")
    if kind != "position":
        return None
    bot_id, exchange, symbol = rest.rsplit(":", 2)
    return Key(bot_id, exchange, symbol)


@dataclass(slots=True)
class _Moves:
    """What a day's entries do."""

    entries: list[Entry] = field(default_factory=list)
    legs: defaultdict[tuple[str, str], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    traded: defaultdict[Key, list[tuple[datetime, Fraction]]] = field(default_factory=lambda: defaultdict(list))
    head: Head = START


def _moved(held: defaultdict[tuple[str, str], Fraction], since: dict[Key, datetime], moves: _Moves, head: Head) -> Head:
    """Let a day happen to what is held; the head after it."""
    for key, trades in moves.traded.items():
        quantity = held[f"position:{':'.join(key)}", key.symbol.partition("/")[0]]
        for at, amount in sorted(trades):
            if not quantity:
                since[key] = at
            quantity += amount
    for name, amount in moves.legs.items():
        held[name] += amount
    return max(head, moves.head)


def _holdings(held: Mapping[tuple[str, str], Fraction]) -> Holdings:
    cash: dict[str, Fraction] = {}
    positions: dict[Key, Fraction] = {}
    for (account, currency), amount in held.items():
        if amount and account == CASH:
            cash[currency] = amount
        elif amount and (key := key_of(LedgerLeg(account, currency, amount))):
            positions[key] = amount
    return Holdings(cash, positions)
