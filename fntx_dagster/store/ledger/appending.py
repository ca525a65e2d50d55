"""Many entries of one book at once: entries, postings and fills by COPY, and the order of lots after a rebuild."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.positions import Key, OpenLot
from fntx_dagster.ledger.postings import LedgerLeg
from fntx_dagster.store.ledger.changes import text
from fntx_dagster.store.queries import own_sql

_FILL = ("fill_id", "order_id", "bot_id", "exchange", "symbol", "side", "qty", "price", "fee", "fee_currency")
_FILL_ENDS = ("liquidity", "timestamp", "realized_pnl", "exchange_trade_id")
_STEP = Decimal("0.000000001")


class StatementRow(NamedTuple):
    """Which row of a broker's statements an entry books: the row's name, the digest of what is booked, and the entry
    that moves its money, which is another one where the row confirms a fill."""

    entry_no: int
    source: str
    digest: str
    money_no: int


def append(
    connection: psycopg.Connection,
    book_id: int,
    entries: Sequence[Entry],
    legs: Iterable[Iterable[LedgerLeg]],
    statement_rows: Iterable[StatementRow],
) -> None:
    """Store entries, each with its legs, in the transaction that holds the book's lock. An entry that is a fill and has
    a `replaces` is the fill that takes the place of that entry's."""
    _copy(connection, "entries (book_id, entry_no, body, prev_hash, hash)", _entries(book_id, entries))
    postings = (
        (book_id, entry["entry_no"], number, leg.account, leg.currency, text(leg.amount))
        for entry, of_entry in zip(entries, legs, strict=True)
        for number, leg in enumerate(of_entry)
    )
    _copy(connection, "postings (book_id, entry_no, leg, account, currency, amount)", postings)
    columns = ", ".join((*_FILL, "liquidity", "executed_at", "realized_pnl", "exchange_trade_id"))
    fills = (
        (book_id, entry["entry_no"], *(entry[name] for name in (*_FILL, *_FILL_ENDS)), entry.get("replaces", 0))
        for entry in entries
        if entry["type"] == "fill"
    )
    _copy(connection, f"fills (book_id, entry_no, {columns}, replaces)", fills)
    reversals = ((book_id, entry["reverses"], entry["entry_no"]) for entry in entries if "reverses" in entry)
    _copy(connection, "reversals (book_id, reversed_no, entry_no)", reversals)
    rows = ((book_id, *row) for row in statement_rows)
    _copy(connection, "statement_entries (book_id, entry_no, source, digest, money_no)", rows)
    bots = sorted({entry["bot_id"] for entry in entries if entry.get("bot_id")})
    connection.execute(
        "insert into ledger.bots (book_id, bot_id) select %s, unnest(%s::text[]) on conflict do nothing",
        (book_id, bots),
    )


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
    rows = ((book_id, number, text(realized)) for number, realized in results.items())
    _copy(connection, "restated (book_id, entry_no, realized_pnl)", rows)


def _places(lots: Sequence[OpenLot]) -> Iterator[tuple[int, Decimal]]:
    following: Decimal | None = None
    for lot in reversed(lots):
        place = Decimal(lot.entry_no)
        if following is not None and place >= following:
            place = following - _STEP
        following = place
        yield lot.entry_no, place


def _entries(book_id: int, entries: Iterable[Entry]) -> Iterator[tuple[Any, ...]]:
    for entry in entries:
        body = {name: value for name, value in entry.items() if name not in ("entry_no", "prev_hash", "hash")}
        yield book_id, entry["entry_no"], json.dumps(body, ensure_ascii=False), entry["prev_hash"], entry["hash"]


def _copy(connection: psycopg.Connection, target: str, rows: Iterable[Sequence[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(own_sql(f"copy ledger.{target} from stdin")) as copy:
        for row in rows:
            copy.write_row(row)
