"""A batch: many entries of one book in one transaction under its lock, by COPY; the head and the tables written once.

The other way into a book beside `services/orders/turn.py`: no order, no quote and no breaker is judged here. Drafts are
collected, then applied to the book in memory; of a long batch, such as an import, some thousands at a time. A draft
that takes an entry back, or that counts before another one, makes the book anew from all its entries
(`ledger/replay.py`), so that the tables are what a replay gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import chain
from typing import Any, NamedTuple

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import Book, Figures
from fntx_dagster.ledger.corrections import PLACE, REVERSES, corrections
from fntx_dagster.ledger.entries import Entry, Head, chained
from fntx_dagster.ledger.exact import STORED, stored, written
from fntx_dagster.ledger.positions import Key, Position
from fntx_dagster.ledger.replay import DayTotals, replay, step
from fntx_dagster.ledger.units import Fund
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import appending, books, changes, checking, reading
from fntx_dagster.store.ledger.appending import StatementRow
from fntx_dagster.store.ledger.books import About, Stored
from fntx_dagster.store.ledger.changes import BookChanges, Kept, Row, text


class BookOwner(NamedTuple):
    """Whose book, which, and the currency that it reports in where it is new."""

    user_id: str
    is_paper: bool
    currency: str


class _Made(NamedTuple):
    """What drafts make of a book: its state, what each day gained, the gross P&L of the drafts, and of the entries that
    were corrected where it is not what they state."""

    book: Book
    days: dict[date, DayTotals]
    realized: Mapping[int, Fraction]
    restated: Mapping[int, Fraction]
    is_rebuilt: bool


@contextmanager
def batch(desk: Desk, owner: BookOwner) -> Iterator[Batch]:
    """A batch on a book; the first use opens the book. What was added is stored at its end, and nothing where it fails.

    Raises Transient where the book's lock or the database is not to be had in time.
    """
    with desk.db.connect() as connection:
        book_id = books.lock(connection, *owner)
        taken = Batch(desk, connection, books.read(connection, book_id, About(datetime.now(UTC))))
        try:
            yield taken
            taken.store()
        finally:
            taken.close()


class Batch:
    """See the module."""

    def __init__(self, desk: Desk, connection: Any, stored: Stored) -> None:
        self.desk = desk
        self.stored = stored
        self.head = stored.head
        self.recorded_at = desk.clock()
        self.drafts: list[Entry] = []
        self.rows: list[StatementRow] = []
        self._wrong: dict[int, Entry] = {}
        self._days: dict[date, DayTotals] | None = None
        self._connection = connection
        self._writer = appending.EntryWriter(connection, stored.book_id)

    @property
    def connection(self) -> Any:
        """The connection of the batch, once all that was posted is stored."""
        self._writer.wait()
        return self._connection

    @property
    def book_id(self) -> int:
        return self.stored.book_id

    @property
    def next_no(self) -> int:
        """The number that the next entry gets."""
        return self.head.entry_no + len(self.drafts) + 1

    def add(self, body: Mapping[str, Any]) -> int:
        """Add an entry; its number. What it realised is filled in when the batch is stored."""
        number = self.next_no
        self.drafts.append({**body, "entry_no": number})
        return number

    def reverse(self, number: int, reason: str, by: str) -> int:
        """Take a stored entry back, as of the moment at which that took effect; the number of the reversal."""
        wrong = reading.entry(self.connection, self.book_id, number)
        assert wrong is not None
        when = kinds.Moments(kinds.at_of(wrong), self.recorded_at)
        self._wrong[number] = wrong
        reversal = kinds.reversal(number, reason, by, self.stored.is_paper, when)
        return self.add(reversal | {name: wrong[name] for name in ("booked_at",) if name in wrong})

    def post(self) -> None:
        """Chain and write what was added so far, none of which reaches back; what the book holds then is written by
        `store`."""
        self._post(self._continued())

    def store(self) -> None:
        """Chain and write all that was added, and what the book holds then."""
        if not self.drafts and self.head == self.stored.head:
            return
        reaches_back = any(PLACE in draft or REVERSES in draft for draft in self.drafts)
        assert not reaches_back or self.head == self.stored.head  # a rebuild reads what is committed
        made = self._rebuilt() if reaches_back else self._continued()
        self._post(made)
        self._write(made, self.head)

    def close(self) -> None:
        """Leave the connection alone."""
        self._writer.close()

    def _post(self, made: _Made) -> None:
        for draft in self.drafts:
            if (realized := made.realized.get(draft["entry_no"])) is not None:
                draft["realized_pnl"] = written(realized, STORED)
        entries = list(chained(self.head, self.drafts))
        legs = (kinds.postings(entry, self._wrong.get(entry.get(REVERSES, 0))) for entry in entries)
        self._writer.write(entries, legs, self.rows)
        if entries:
            self.head = Head(entries[-1]["entry_no"], entries[-1]["hash"])
        self.drafts, self.rows = [], []

    def _continued(self) -> _Made:
        """The drafts after what is stored."""
        book, realized = self.stored.book, dict[int, Fraction]()
        if self._days is None:
            self._days = {}
            book.lots.update(checking.lots(self.connection, self.book_id))
            self._keep(book)
        for draft in self.drafts:
            booked = step(book, draft, self.desk.day(kinds.counted_at(draft)), self._days)
            if booked is not None:
                realized[draft["entry_no"]] = booked.realized
        return _Made(book, self._days, realized, {}, is_rebuilt=False)

    def _rebuilt(self) -> _Made:
        """The book anew from all its entries and the drafts."""
        db, kept = self.desk.db, self.stored.book
        kept.lots.update(checking.lots(self.connection, self.book_id))
        self._keep(kept)
        new, realized, restated = self.stored.head.entry_no, dict[int, Fraction](), dict[int, Fraction]()

        def booked(entry: Mapping[str, Any], result: Fraction) -> None:
            if entry["entry_no"] > new:
                realized[entry["entry_no"]] = result
            elif Fraction(entry.get("realized_pnl", result)) != stored(result):
                restated[entry["entry_no"]] = result

        known = checking.correcting_entries(self.connection, self.book_id)
        corrected = corrections([*known, *self.drafts])
        entries = chain(reading.all_entries(db, self.book_id), self.drafts)
        quotes = checking.quotes(db, self.book_id)
        again = replay(kept.currency, entries, quotes, self.desk.day, corrected, booked)
        days = again.days
        for day in reading.days(db, self.book_id):
            sums = days.setdefault(day.day, DayTotals())
            sums.trades -= day.trades
            for name in ("fees", "volume", "realized", "flows"):
                setattr(sums, name, getattr(sums, name) - Fraction(getattr(day, name)))
        return _Made(again.book, days, realized, restated, is_rebuilt=True)

    def _keep(self, book: Book) -> None:
        """Remember what is stored, to write only what changes."""
        self._before = Kept.of(book)
        self._positions = dict(book.positions)
        self._quantities = {(key, lot.entry_no): lot.quantity for key, lots in book.lots.items() for lot in lots}

    def _write(self, made: _Made, head: Head) -> None:
        rows = BookChanges(self.book_id)
        book = made.book
        for key in self._positions.keys() | book.positions.keys():
            position = book.positions.get(key, Position())
            if position != self._positions.get(key, Position()):
                rows.position(key, position)
        for name in self._before.balances:  # what a rebuild does not reach any more is 0
            book.balances.setdefault(name, Fraction(0))
        for bot_id in self._before.figures:
            book.figures.setdefault(bot_id, Figures())
        for bot_id in self._before.funds:
            book.funds.setdefault(bot_id, Fund())
        self._lots(rows, book)
        rows.days = {day: _day(day, sums) for day, sums in made.days.items()}
        days = [*made.days, *([self.stored.first_day] if self.stored.first_day else [])]
        first = min(days) if days else None
        changes.write(self.connection, changes.rows_of(rows, book, self._before, head, first))
        if made.is_rebuilt:
            appending.order_lots(self.connection, self.book_id, {key: [*lots] for key, lots in book.lots.items()})
            appending.restate(self.connection, self.book_id, made.restated)

    def _lots(self, rows: BookChanges, book: Book) -> None:
        """The lots that came, went or became smaller."""
        now = {(key, lot.entry_no): lot for key, lots in book.lots.items() for lot in lots}
        for name, lot in now.items():
            if name in self._quantities and lot.quantity != self._quantities[name]:
                rows.taken_lots[name] = _lot(*name, lot.quantity)
        for name in self._quantities.keys() - now.keys():
            rows.taken_lots[name] = _lot(*name, Fraction(0))
        opened = ((key, lot) for (key, number), lot in now.items() if (key, number) not in self._quantities)
        appending.open_lots(self.connection, self.book_id, opened)


def _lot(key: Key, number: int, quantity: Fraction) -> Row:
    return {**key._asdict(), "no": number, "quantity": text(quantity)}


def _day(day: date, sums: DayTotals) -> Row:
    row: Row = {"day": day.isoformat(), "trades": sums.trades}
    row |= {name: text(getattr(sums, name)) for name in ("fees", "volume", "realized", "flows")}
    return row | {"equity": text(sums.last and sums.last.equity), "units": text(sums.last and sums.last.units)}
