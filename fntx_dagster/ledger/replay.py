"""A replay: all entries and quotes of a book again, one after the other, and what differs from what is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from fractions import Fraction
from typing import Any, NamedTuple

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.exact import decimal
from fntx_dagster.model.orders import Quote


class Seen(NamedTuple):
    """A quote as a book took it: after which entry, and when."""

    after_entry: int
    exchange: str
    symbol: str
    quote: Quote
    observed_at: datetime


class Replayed(NamedTuple):
    """The book that entries and quotes make, and whose breakers are tripped in it (`USER` or a bot)."""

    book: Book
    tripped: frozenset[str]


def replay(
    currency: str, entries: Iterable[Mapping[str, Any]], quotes: Iterable[Seen], day_of: Callable[[datetime], date]
) -> Replayed:
    """All of a book again. `entries` in order; `quotes` in the order in which they came."""
    book, tripped = Book(currency), set[str]()
    waiting = iter(quotes)
    following = next(waiting, None)

    def quoted(before: int | None) -> None:
        nonlocal following
        while following is not None and (before is None or following.after_entry < before):
            day = day_of(following.observed_at)
            book.observe(day)
            book.quote(following.exchange, following.symbol, following.quote)
            book.observe(day)
            following = next(waiting, None)

    for entry in entries:
        quoted(entry["entry_no"])
        day = day_of(kinds.counted_at(entry))
        book.observe(day)
        kinds.apply(book, entry, day)
        if entry["event_type"] == kinds.TRIP:
            tripped.add(entry["bot_id"] or USER)
        elif entry["event_type"] == kinds.RESET:
            tripped.discard(entry["bot_id"] or USER)
        book.observe(day)
    quoted(None)
    return Replayed(book, frozenset(tripped))


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
        for lot in lots:
            flat[f"lot {' '.join(key)} {lot.entry_no}"] = f"{_shown(lot.quantity)} at {_shown(lot.price)}"
    for kind, groups in (("figures", book.figures), ("fund", book.funds)):
        for bot_id, group in groups.items():
            for field in group.__dataclass_fields__:
                value = getattr(group, field)
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
