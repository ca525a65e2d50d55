"""Verify ledgers: the chain of each book, that a replay equals the tables, that every entry's postings balance."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.corrections import REVERSES, corrections
from fntx_dagster.ledger.entries import START, Entry, Head, StoredEntry, stored_faults
from fntx_dagster.ledger.exact import decimal, stored, written
from fntx_dagster.ledger.replay import DayTotals, differences, replay
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.agreement import differing_shares
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger import books, checking, comparing, reading
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.checking import BookRow
from fntx_dagster.store.ledger.comparing import PostedLeg
from fntx_dagster.store.ledger.reading import BookDay

_MOST_FAULTS = 20
_STEP = 100_000
"""Entries from one word of progress to the next."""

Each = TypeVar("Each")


class Verified(NamedTuple):
    """What was found of a book: how many entries it has, its head, and what is wrong (at most 20 of each kind):
    `broken` of its chain and postings, `differing` between its tables and what a replay of the entries makes, which is
    compared where the entries hold."""

    book_id: int
    user_id: str
    is_paper: bool
    entries: int
    head: Head
    broken: tuple[str, ...]
    differing: tuple[str, ...]

    @property
    def faults(self) -> tuple[str, ...]:
        return self.broken + self.differing

    @property
    def holds(self) -> bool:
        return not self.faults


def verify(
    desk: Desk, user_id: str | None = None, on_progress: Callable[[str], None] = lambda _words: None
) -> list[Verified]:
    """Verify the books of a user, or all. All are read in one snapshot, twice, and no entry is kept. Raises Permanent
    for a user without a book: a name that is misspelled is not one that holds."""
    with desk.db.snapshot() as db:
        return [_verify(desk, db, row, on_progress) for row in checking.listed(db, user_id)]


def verify_book(desk: Desk, row: BookRow, on_progress: Callable[[str], None] = lambda _words: None) -> Verified:
    """Verify one book as it is now; `row` says which."""
    with desk.db.snapshot() as db:
        now = next(each for each in checking.listed(db, row.user_id) if each.book_id == row.book_id)
        return _verify(desk, db, now, on_progress)


def _verify(desk: Desk, db: Readable, row: BookRow, on_progress: Callable[[str], None]) -> Verified:
    last = START

    def with_progress(entries: Iterable[Each], what: str) -> Iterator[Each]:
        for number, entry in enumerate(entries, start=1):
            yield entry
            if not number % _STEP:
                on_progress(f"book {row.book_id}: {number:,} of {row.head.entry_no:,} entries {what}")

    def entries() -> Iterator[StoredEntry]:
        nonlocal last
        for entry in with_progress(reading.stored_entries(db, row.book_id), "checked"):
            last = Head(entry.entry_no, entry.hash)
            yield entry

    broken = stored_faults(entries())
    found = [fault.reason for fault in islice(broken, _MOST_FAULTS)]
    deque(broken, maxlen=0)  # nothing else can be read before the last entry was
    if not found and last != row.head:
        found.append(f"the book's head is entry {row.head.entry_no}, and the last entry is {last.entry_no}")
    found += islice(checking.unbalanced(db, row.book_id), _MOST_FAULTS)
    differing: tuple[str, ...] = ()
    if not found:  # the entries are what they were: what they make can be compared
        replayed = _replayed(desk, db, row, lambda entries: with_progress(entries, "replayed"))
        differing = tuple(islice(replayed, _MOST_FAULTS))
    return Verified(row.book_id, row.user_id, row.is_paper, last.entry_no, last, tuple(found), differing)


def _replayed(
    desk: Desk, db: Readable, row: BookRow, with_progress: Callable[[Iterator[Entry]], Iterator[Entry]]
) -> Iterator[str]:
    with db.connect() as connection:
        corrected = corrections(checking.correcting_entries(connection, row.book_id))
    kept_results, differing = checking.restated(db, row.book_id), list[str]()

    def booked(entry: Mapping[str, Any], realized: Fraction) -> None:
        """Note where the gross P&L of an entry is not what it states, and `restated` does not say so."""
        known = kept_results.get(entry["entry_no"], entry.get("realized_pnl"))
        if known is not None and Fraction(known) != stored(realized) and len(differing) < _MOST_FAULTS:
            words = f"realises {written(realized)}, and the tables say {written(Fraction(known))}"
            differing.append(f"entry {entry['entry_no']} {words}")

    entries = _with_postings(db, row.book_id, with_progress(reading.all_entries(db, row.book_id)), differing)
    again = replay(row.currency, entries, checking.quotes(db, row.book_id), desk.day, corrected, booked)
    yield from differing
    with db.connect() as connection:
        kept = books.read(connection, row.book_id, About(datetime.now(UTC)))
        kept.book.lots.update(checking.lots(connection, row.book_id))
    again.book.errors.clear()
    kept.book.errors.clear()
    yield from differences(again.book, kept.book)
    if again.tripped != kept.tripped.keys():
        yield f"tripped are {sorted(kept.tripped)}, and by the entries {sorted(again.tripped)}"
    yield from _differing_days(again.days, reading.days(db, row.book_id))
    yield from checking.differing_fills(db, row.book_id)
    yield from checking.differing_orders(db, row.book_id)
    yield from checking.differing_trips(db, row.book_id)
    yield from differing_shares(db, row)
    yield from comparing.differing_approvals(db, row.book_id, desk.zone.key)
    yield from comparing.differing_answers(db, row.book_id)
    yield from comparing.differing_bots(db, row.book_id)
    yield from comparing.differing_breakers(db, row.book_id)


def _with_postings(db: Readable, book_id: int, entries: Iterator[Entry], differing: list[str]) -> Iterator[Entry]:
    """The entries as they come; those whose postings are not what they state are added to `differing`."""
    posted = comparing.posted_legs(db, book_id)
    number, kept = next(posted, (None, []))
    for entry in entries:
        taken_back = checking.entry(db, book_id, entry[REVERSES]) if REVERSES in entry else None
        made = kinds.postings(entry, taken_back)
        found: list[PostedLeg] = []
        if number == entry["entry_no"]:
            found = kept
            number, kept = next(posted, (None, []))
        # as sets of legs: those of a conversion come in the order of its currencies, which is not kept
        legs = sorted((leg.account, leg.currency, stored(leg.amount)) for leg in made)
        same = legs == sorted((row.account, row.currency, Fraction(row.amount)) for row in found)
        if not same and len(differing) < _MOST_FAULTS:
            differing.append(f"the postings of entry {entry['entry_no']} are not what the entry makes")
        yield entry


def _differing_days(again: Mapping[date, DayTotals], kept: Iterable[BookDay]) -> Iterator[str]:
    """Where a day's sums or its last valuation are not what the entries and quotes make."""
    tables = {day.day: day for day in kept}
    for day in sorted(again.keys() | tables.keys()):
        sums, known = again.get(day, DayTotals()), tables.get(day)
        made = {name: getattr(sums, name) for name in ("trades", "fees", "volume", "realized", "flows")}
        made |= {"equity": sums.last and sums.last.equity, "units": sums.last and sums.last.units}
        for name, value in made.items():
            stored_value = getattr(known, name, None) if known else None
            if decimal(Fraction(value or 0)) != decimal(Fraction(stored_value or 0)):
                yield f"{name} of the day {day}: the table has {stored_value}, the entries make {value}"
