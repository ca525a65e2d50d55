"""Import a file of fills into a book: all of it or, where a row is bad, nothing; a batch is a transaction.

The file is read twice: first every row is checked, then the fills go in by batches. An import that was ended goes on
where it is started again: the fills that are in the book, by exchange, symbol and trade id, are not posted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.book import EntryRates
from fntx_dagster.services.bookkeeping.batch import MOST, Batch, BookOwner, batch
from fntx_dagster.services.bookkeeping.fills_file import FileFill, RowFault, fills_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import posted
from fntx_dagster.store.ledger.posted import PostedFill, TradeName

MOST_FAULTS = 50


class Imported(NamedTuple):
    """What an import did: fills that were added, fills that were in the book, and the rows that stopped it (the first
    50 of `bad`); with one of these, nothing was added."""

    added: int
    known: int
    bad: int
    faults: tuple[RowFault, ...]


def import_fills(desk: Desk, owner: BookOwner, path: Path, on_progress: Callable[[int, int], None]) -> Imported:
    """Import a file; `on_progress` gets the rows that are done, and all.

    Raises Permanent for a file that cannot be read, Transient where the book's lock is not to be had in time.
    """
    rows, bad, faults = _checked(desk, path)
    if bad:
        return Imported(0, 0, bad, faults)
    added = known = 0
    fills = (fill for fill in fills_of(path) if isinstance(fill, FileFill))
    while chunk := list(islice(fills, MOST)):
        with batch(desk, owner) as into:
            there = posted.fills(into.connection, into.book_id, {fill.execution.trade_id for fill in chunk})
            newest = posted.newest(into.connection, into.book_id)
            faults = tuple(islice(_faults(path.name, chunk, there, newest), MOST_FAULTS))
            if faults:
                return Imported(added, known, len(faults), faults)
            new = [fill for fill in chunk if fill.name not in there]
            for fill in new:
                _post(into, fill)
        added, known = added + len(new), known + len(chunk) - len(new)
        on_progress(added + known, rows)
    return Imported(added, known, 0, ())


def _checked(desk: Desk, path: Path) -> tuple[int, int, tuple[RowFault, ...]]:
    """How many rows a file has, how many are bad, and the first of these."""
    rows = bad = 0
    faults: list[RowFault] = []
    seen: set[TradeName] = set()
    last: datetime | None = None
    now = desk.clock()
    for row in fills_of(path):
        rows += 1
        fault = row if isinstance(row, RowFault) else _out_of_place(path.name, row, seen, last, now)
        if fault is not None:
            bad += 1
            faults += [fault] if bad <= MOST_FAULTS else []
        elif isinstance(row, FileFill):
            last = row.execution.at
    return rows, bad, tuple(faults)


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


def _faults(
    file: str, chunk: list[FileFill], there: dict[TradeName, PostedFill], newest: datetime | None
) -> Iterator[RowFault]:
    """What is wrong with fills beside those of the book."""
    for fill in chunk:
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


def _post(into: Batch, fill: FileFill) -> None:
    currency = fill.key.symbol.partition("/")[2]
    known = into.stored.book.rates(currency, fill.execution.fee_currency)
    price = fill.rates.price if fill.rates.price is not None else known.price
    of_fee = price if fill.execution.fee_currency == currency else known.fee
    rates = EntryRates(price, fill.rates.fee if fill.rates.fee is not None else of_fee)
    paper, recorded = into.stored.is_paper, into.recorded_at
    into.add(kinds.fill(f"{uuid4()}", None, fill.key, fill.execution, rates, Fraction(0), paper, recorded))
