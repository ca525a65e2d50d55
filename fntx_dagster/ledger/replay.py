"""A replay: all entries and quotes of a book again, one after the other, and what differs from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import USER, Book, Booked
from fntx_dagster.ledger.corrections import NONE, Corrections, counting
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.ledger.units import ZERO, Price
from fntx_dagster.model.orders import Quote


class Seen(NamedTuple):
    """A quote as a book took it: after which entry, and when."""

    after_entry: int
    exchange: str
    symbol: str
    quote: Quote
    observed_at: datetime


@dataclass(slots=True)
class DayTotals:
    """What a trading day's entries add up to, in the reporting currency, and the book's last valuation in it."""

    trades: int = 0
    fees: Fraction = ZERO
    volume: Fraction = ZERO
    realized: Fraction = ZERO
    flows: Fraction = ZERO
    last: Price | None = None


class Replayed(NamedTuple):
    """The book that entries and quotes make, whose breakers are tripped in it (`USER` or a bot), and its days."""

    book: Book
    tripped: frozenset[str]
    days: dict[date, DayTotals]


def step(book: Book, entry: Mapping[str, Any], day: date, days: dict[date, DayTotals]) -> Booked | None:
    """One entry: the book is valued before and after it, and its day counts it."""
    book.observe(day)
    before, capital = book.figures[USER], _capital(book)
    booked = kinds.apply(book, entry, day)
    book.observe(day)
    sums, after = days.setdefault(day, DayTotals()), book.figures[USER]
    sums.trades += after.fills - before.fills
    sums.fees += after.fees - before.fees
    sums.volume += after.volume - before.volume
    sums.realized += after.realized - before.realized
    sums.flows += _capital(book) - capital
    sums.last = book.funds[USER].last if USER in book.funds else sums.last
    return booked


def _capital(book: Book) -> Fraction:
    return book.funds[USER].capital if USER in book.funds else ZERO


def replay(
    currency: str,
    entries: Iterable[Mapping[str, Any]],
    quotes: Iterable[Seen],
    day_of: Callable[[datetime], date],
    corrected: Corrections = NONE,
    on_booked: Callable[[Mapping[str, Any], Fraction], None] = lambda _entry, _realized: None,
) -> Replayed:
    """All of a book again. `entries` in order; `quotes` in the order in which they came; `corrected`: the corrections
    that the entries make, which are known before the first of them is read; `on_booked` gets each entry that opened or
    closed lots, and its gross P&L."""
    book, tripped = Book(currency), set[str]()
    days: dict[date, DayTotals] = {}
    waiting = iter(quotes)
    following = next(waiting, None)

    def quoted(before: int | None) -> None:
        nonlocal following
        while following is not None and (before is None or following.after_entry < before):
            day = day_of(following.observed_at)
            book.observe(day)
            book.quote(following.exchange, following.symbol, following.quote)
            book.observe(day)
            if USER in book.funds:
                days.setdefault(day, DayTotals()).last = book.funds[USER].last
            following = next(waiting, None)

    for read in entries:
        quoted(read["entry_no"])
        for entry in counting(read, corrected):
            booked = step(book, entry, day_of(kinds.counted_at(entry)), days)
            if booked is not None:
                on_booked(entry, booked.realized)
            if entry["event_type"] == kinds.TRIP:
                tripped.add(entry["bot_id"] or USER)
            elif entry["event_type"] == kinds.RESET:
                tripped.discard(entry["bot_id"] or USER)
    quoted(None)
    return Replayed(book, frozenset(tripped), days)


def differences(replayed: Book, kept: Book) -> Iterator[str]:
    """What two books differ in, each as a sentence; nothing where they are the same."""
    again, known = _flat(replayed), _flat(kept)
    for name in sorted(again.keys() | known.keys()):
        if (new := again.get(name)) != (old := known.get(name)):
            yield f"{name}: the table has {_shown(old)}, the entries make {_shown(new)}"


def _flat(book: Book) -> dict[str, Fraction | int | str | None]:
    """Every number of a book under a name of its own; what is zero or empty is left out, as it may not be stored."""
    flat: dict[str, Any] = {}
    for currency, amount in book.balances.items():
        flat[f"balance {currency}"] = amount
    for currency, amount in book.fees.items():
        flat[f"fees {currency}"] = amount
    for key, position in book.positions.items():
        name = "position " + " ".join(key)
        flat |= {f"{name} quantity": position.quantity, f"{name} cost": position.cost}
        if position.trip:
            flat |= {f"{name} {field}": value for field, value in position.trip._asdict().items()}
    for key, lots in book.lots.items():
        numbers = [lot.entry_no for lot in lots]
        if numbers != sorted(numbers):  # a correction put some before others
            flat[f"order of the lots {' '.join(key)}"] = " ".join(map(str, numbers))
        for lot in lots:
            flat[f"lot {' '.join(key)} {lot.entry_no}"] = f"{_shown(lot.quantity)} at {_shown(lot.price)}"
    for kind, groups in (("figures", book.figures), ("fund", book.funds)):
        for bot_id, group in groups.items():
            for field, value in group._asdict().items():
                name = f"{kind} {bot_id or 'user'} {field}"
                if isinstance(value, tuple):
                    flat |= {f"{name} {part}": number for part, number in zip(("equity", "units"), value, strict=True)}
                else:
                    flat[name] = value
    return {name: value for name, value in flat.items() if value}


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    return format(decimal(value), "f") if isinstance(value, Fraction) else str(value)
