"""Many entries of one book at once: entries, postings, fills and lots by COPY, and the order of lots after a rebuild.

The text that COPY takes is made here: psycopg takes three times as long for a row, and a fill has seven.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import psycopg

from fntx_dagster.ledger.entries import Entry, stored
from fntx_dagster.ledger.positions import Key, OpenLot
from fntx_dagster.ledger.postings import LedgerLeg
from fntx_dagster.store.ledger.changes import text
from fntx_dagster.store.queries import own_sql

_FILL = ("fill_id", "order_id", "bot_id", "exchange", "symbol", "side", "qty", "price", "fee", "fee_currency")
_FILL_FIELDS = (*_FILL, "liquidity", "timestamp", "realized_pnl", "exchange_trade_id")
"""The fields of an entry that the columns of its fill hold; `executed_at` holds its timestamp."""
_STEP = Decimal("0.000000001")


class StatementRow(NamedTuple):
    """Which row of a broker's statements an entry books: the row's name, the digest of what is booked, and the entry
    that moves its money, which is another one where the row confirms a fill."""

    entry_no: int
    source: str
    digest: str
    money_no: int


class FillTwiceError(ValueError):
    """A fill whose exchange, symbol and trade id the book has already."""


class EntryWriter:
    """Writes the entries of one book, in the transaction that holds its lock.

    What is given to `write` goes to the server while the caller makes what follows. `wait` before anybody else uses the
    connection; it raises what went wrong, FillTwiceError among it.
    """

    def __init__(self, connection: psycopg.Connection, book_id: int) -> None:
        self._connection, self._book_id = connection, book_id
        self._pool = ThreadPoolExecutor(1, "fntx-copy")
        self._sending: Future[None] | None = None

    def write(
        self,
        entries: Sequence[Entry],
        legs: Iterable[Iterable[LedgerLeg]],
        statement_rows: Iterable[StatementRow] = (),
    ) -> None:
        """Store entries, each with its legs. An entry that is a fill and has a `replaces` is the fill that takes the
        place of that entry's."""
        copies = list(_copies(self._book_id, entries, legs, statement_rows))
        bots = sorted({entry["bot_id"] for entry in entries if entry.get("bot_id")})
        self.wait()
        self._sending = self._pool.submit(_send, self._connection, self._book_id, copies, bots)

    def wait(self) -> None:
        """Wait until all that was given is stored."""
        sending, self._sending = self._sending, None
        if sending is not None:
            sending.result()

    def close(self) -> None:
        """Leave the connection alone, once what is on its way has arrived or failed."""
        self._pool.shutdown()


def open_lots(connection: psycopg.Connection, book_id: int, lots: Iterable[tuple[Key, OpenLot]]) -> None:
    """Store lots that the book did not have."""
    lines = (f"{book_id}\t{_row(key)}\t{lot.entry_no}\t{text(lot.quantity)}\t{text(lot.price)}\n" for key, lot in lots)
    columns = "lots (book_id, bot_id, exchange, symbol, entry_no, quantity, price)"
    _copy(connection, columns, "".join(lines))


def order_lots(connection: psycopg.Connection, book_id: int, lots: Mapping[Key, Sequence[OpenLot]]) -> None:
    """Keep the order of lots that a rebuild gives, oldest first: one that was put before later ones gets a place below
    theirs; the next lots follow by their numbers."""
    connection.execute("update ledger.lots set place = null where book_id = %s and place is not null", (book_id,))
    places = [
        (place, book_id, *key, number)
        for key, of_key in lots.items()
        for number, place in _places(of_key)
        if place != number
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            """update ledger.lots set place = %s
            where (book_id, bot_id, exchange, symbol, entry_no) = (%s, %s, %s, %s, %s)""",
            places,
        )


def restate(connection: psycopg.Connection, book_id: int, results: Mapping[int, Fraction]) -> None:
    """Replace the gross P&L of the entries whose results corrections before them changed."""
    connection.execute("delete from ledger.restated where book_id = %s", (book_id,))
    rows = "".join(f"{book_id}\t{number}\t{text(realized)}\n" for number, realized in results.items())
    _copy(connection, "restated (book_id, entry_no, realized_pnl)", rows)


def _places(lots: Sequence[OpenLot]) -> Iterator[tuple[int, Decimal]]:
    following: Decimal | None = None
    for lot in reversed(lots):
        place = Decimal(lot.entry_no)
        if following is not None and place >= following:
            place = following - _STEP
        following = place
        yield lot.entry_no, place


def _copies(
    book_id: int,
    entries: Sequence[Entry],
    legs: Iterable[Iterable[LedgerLeg]],
    statement_rows: Iterable[StatementRow],
) -> Iterator[tuple[str, str]]:
    """Each table that gets rows, with its columns, and the rows, in the order in which they refer to each other."""
    yield "entries (book_id, entry_no, body, prev_hash, hash)", "".join(_entry(book_id, entry) for entry in entries)
    postings = (
        f"{book_id}\t{entry['entry_no']}\t{number}\t{_field(leg.account)}\t{_field(leg.currency)}\t{text(leg.amount)}\n"
        for entry, of_entry in zip(entries, legs, strict=True)
        for number, leg in enumerate(of_entry)
    )
    yield "postings (book_id, entry_no, leg, account, currency, amount)", "".join(postings)
    columns = ", ".join((*_FILL, "liquidity", "executed_at", "realized_pnl", "exchange_trade_id"))
    fills = "".join(_fill(book_id, entry) for entry in entries if entry["type"] == "fill")
    yield f"fills (book_id, entry_no, {columns}, replaces)", fills
    reversals = (f"{book_id}\t{entry['reverses']}\t{entry['entry_no']}\n" for entry in entries if "reverses" in entry)
    yield "reversals (book_id, reversed_no, entry_no)", "".join(reversals)
    rows = (f"{book_id}\t{_row([*map(str, row)])}\n" for row in statement_rows)
    yield "statement_entries (book_id, entry_no, source, digest, money_no)", "".join(rows)


def _entry(book_id: int, entry: Entry) -> str:
    number, body, prev_hash, digest = stored(entry)
    body = body.replace("\\", r"\\")  # JSON has no control characters to escape
    return f"{book_id}\t{number}\t{body}\t{prev_hash}\t{digest}\n"


def _fill(book_id: int, entry: Entry) -> str:
    values = _row([entry[name] for name in _FILL_FIELDS])
    return f"{book_id}\t{entry['entry_no']}\t{values}\t{entry.get('replaces', 0)}\n"


def _row(values: Sequence[str | None]) -> str:
    texts = [r"\N" if value is None else value for value in values]
    if _ESCAPED("".join(filter(None, values))):
        texts = map(_field, values)
    return "\t".join(texts)


@lru_cache(4096)  # accounts and currencies come in many rows
def _field(value: str | None) -> str:
    """A value as COPY reads it."""
    if value is None:
        return r"\N"
    return value.translate(_ESCAPES) if _ESCAPED(value) else value


_ESCAPED = re.compile(r"[\\\n\r\t]").search
_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def _send(connection: psycopg.Connection, book_id: int, copies: Iterable[tuple[str, str]], bots: Sequence[str]) -> None:
    try:
        for target, rows in copies:
            _copy(connection, target, rows)
    except psycopg.errors.UniqueViolation as error:
        if error.diag.table_name == "fills":
            raise FillTwiceError("the book has a fill of the trade already") from error
        raise
    connection.execute(
        "insert into ledger.bots (book_id, bot_id) select %s, unnest(%s::text[]) on conflict do nothing",
        (book_id, bots),
    )


def _copy(connection: psycopg.Connection, target: str, rows: str) -> None:
    if rows:
        with connection.cursor() as cursor, cursor.copy(own_sql(f"copy ledger.{target} from stdin")) as copy:
            copy.write(rows)
