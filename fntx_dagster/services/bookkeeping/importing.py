"""Import a file of fills into a book: all of it or, where a row is bad, nothing.

An import is one transaction under the book's lock: one that was ended leaves nothing. The file is read once, in a
stream: some thousands of fills are checked, applied and chained while those before them go into the database. The fills
that are in the book already, by exchange, symbol and trade id, are not posted again. Only where a row is bad, the file
is read again, to name every one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from fntx_dagster.errors import Transient
from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.services.bookkeeping.batch import Batch, BookOwner, batch
from fntx_dagster.services.bookkeeping.fills_file import FileFill, fills_of
from fntx_dagster.services.bookkeeping.row_file import RowFault, rows_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books, posted
from fntx_dagster.store.ledger.appending import FillTwiceError
from fntx_dagster.store.ledger.posted import PostedFill, TradeName

AT_ONCE = 5_000
"""Rows that are applied while those before them go into the database."""
MOST_FAULTS = 50


class Imported(NamedTuple):
    """What an import did: fills that were added, fills that were in the book, and the rows that stopped it (the first
    50 of `bad`); with one of these, nothing was added."""

    added: int
    known: int
    bad: int
    faults: tuple[RowFault, ...]


def import_fills(desk: Desk, owner: BookOwner, path: Path, on_progress: Callable[[int, int], None]) -> Imported:
    """Import a file; `on_progress` gets the rows that are done, and about how many there are.

    Raises Permanent for a file that cannot be read, Transient where the book's lock is not to be had in time.
    """
    whole = rows_of(path)
    try:
        with batch(desk, owner) as into:
            return _posted(into, path, lambda rows: on_progress(rows, max(rows, whole)))
    except (_BadRowError, FillTwiceError) as error:
        bad, faults = _named(desk, owner, path)
        if not bad:
            raise Transient("the book changed while the file was imported", "Import it again") from error
        return Imported(0, 0, bad, faults)


class _BadRowError(Exception):
    """Something is wrong with a row: the import ends, and `_named` says what."""


def _posted(into: Batch, path: Path, on_progress: Callable[[int], None]) -> Imported:
    newest = posted.newest(into.connection, into.book_id)
    known, seen = 0, bytearray(into.next_no)  # which entries the file has been found in
    fills = _in_order(fills_of(path), into.recorded_at)
    while chunk := list(islice(fills, AT_ONCE)):
        there: Mapping[TradeName, PostedFill] = {}
        if newest is not None and chunk[0].execution.at <= newest:
            there = posted.fills(into.connection, into.book_id, {fill.execution.trade_id for fill in chunk})
        for fill in chunk:
            if (before := there.get(fill.name)) is None and (newest is None or fill.execution.at >= newest):
                _post(into, fill)
            elif before is None or seen[before.entry_no] or before.execution != fill.execution:
                raise _BadRowError
            else:
                seen[before.entry_no], known = True, known + 1
        into.post()
        on_progress(chunk[-1].row)
    return Imported(into.head.entry_no - into.stored.head.entry_no, known, 0, ())


def _in_order(rows: Iterator[FileFill | RowFault], now: datetime) -> Iterator[FileFill]:
    """The fills of a file, as long as none is wrong or lies before the one above it or in the future."""
    last: datetime | None = None
    for row in rows:
        if isinstance(row, RowFault) or (last is not None and row.execution.at < last) or row.execution.at > now:
            raise _BadRowError
        last = row.execution.at
        yield row


def _post(into: Batch, fill: FileFill) -> None:
    currency = fill.key.symbol.partition("/")[2]
    known = into.stored.book.rates(currency, fill.execution.fee_currency)
    price = fill.rates.price if fill.rates.price is not None else known.price
    of_fee = price if fill.execution.fee_currency == currency else known.fee
    rates = EntryRates(price, fill.rates.fee if fill.rates.fee is not None else of_fee)
    paper, recorded = into.stored.is_paper, into.recorded_at
    into.add(kinds.fill(f"{uuid4()}", None, fill.key, fill.execution, rates, Fraction(0), paper, recorded))


def _named(desk: Desk, owner: BookOwner, path: Path) -> tuple[int, tuple[RowFault, ...]]:
    """How many rows of a file are bad, and the first of these."""
    book_id = books.book_of(desk.db, owner.user_id, owner.is_paper)
    bad, faults = 0, list[RowFault]()
    rows = _beside_each_other(path.name, fills_of(path), desk.clock())
    while chunk := list(islice(rows, AT_ONCE)):
        fills = [row for row in chunk if isinstance(row, FileFill)]
        found = [row for row in chunk if isinstance(row, RowFault)]
        if book_id is not None:
            with desk.db.connect() as connection:
                there = posted.fills(connection, book_id, {fill.execution.trade_id for fill in fills})
                found += _beside_the_book(path.name, fills, there, posted.newest(connection, book_id))
        bad += len(found)
        faults += sorted(found, key=lambda fault: fault.row)[: MOST_FAULTS - len(faults)]
    return bad, tuple(faults)


def _beside_each_other(file: str, rows: Iterator[FileFill | RowFault], now: datetime) -> Iterator[FileFill | RowFault]:
    """The rows of a file; in place of a fill that is wrong beside the others, what is wrong with it."""
    seen: set[TradeName] = set()
    last: datetime | None = None
    for row in rows:
        fault = row if isinstance(row, RowFault) else _out_of_place(file, row, seen, last, now)
        yield fault or row
        last = row.execution.at if fault is None and isinstance(row, FileFill) else last


def _out_of_place(
    file: str, fill: FileFill, seen: set[TradeName], last: datetime | None, now: datetime
) -> RowFault | None:
    """What is wrong with a fill beside the others of its file."""
    at, name = fill.execution.at, fill.name
    if name in seen:
        return RowFault(
            file, fill.row, "exchange_trade_id", name[2], f"{name[1]} at {name[0]} has it in an earlier row"
        )
    seen.add(name)
    words = "it lies before the row above: sort the file by time" if last and at < last else ""
    words = "it lies in the future" if at > now else words
    return RowFault(file, fill.row, "timestamp", at.isoformat(), words) if words else None


def _beside_the_book(
    file: str, fills: Sequence[FileFill], there: Mapping[TradeName, PostedFill], newest: datetime | None
) -> Iterator[RowFault]:
    """What is wrong with fills beside those of the book."""
    for fill in fills:
        known = there.get(fill.name)
        at = fill.execution.at
        if known is None:
            if newest is not None and at < newest:
                words = f"the book has later fills, the last of {newest.isoformat()}: import into a book of its own"
                yield RowFault(file, fill.row, "timestamp", at.isoformat(), words)
            continue
        for field, value in fill.execution._asdict().items():
            if value != getattr(known.execution, field):
                words = f"the book has this trade with {getattr(known.execution, field)}: see fntx ledger correct"
                yield RowFault(file, fill.row, field, f"{value}", words)
