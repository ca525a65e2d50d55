"""What a transaction changes in a book, written in one statement at its end.

`Changes` collects rows as they will be stored; amounts are texts, so that none passes through a float. Several changes
of one row (a position that two fills of an order move) are one row: the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import orjson
import psycopg

from fntx_dagster.ledger.book import USER, Book, Figures
from fntx_dagster.ledger.entries import Entry, Head
from fntx_dagster.ledger.exact import exact, plain
from fntx_dagster.ledger.positions import Filled, Key, Position
from fntx_dagster.ledger.postings import LedgerLeg
from fntx_dagster.ledger.units import Fund
from fntx_dagster.model.orders import Quote
from fntx_dagster.store import prepared
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import FIGURE_AMOUNTS, FUND_AMOUNTS
from fntx_dagster.store.ledger.states import BY_INDEX
from fntx_dagster.store.ledger.storing import statement

Row = dict[str, Any]


@dataclass(slots=True)
class BookChanges:
    """The rows of each table that a transaction on one book writes."""

    book_id: int
    entries: list[Row] = field(default_factory=list)
    postings: list[Row] = field(default_factory=list)
    fills: list[Row] = field(default_factory=list)
    orders: dict[str, Row] = field(default_factory=dict)
    opened_lots: dict[tuple[Key, int], Row] = field(default_factory=dict)
    taken_lots: dict[tuple[Key, int], Row] = field(default_factory=dict)
    positions: dict[Key, Row] = field(default_factory=dict)
    days: dict[date, Row] = field(default_factory=dict)
    quotes: dict[tuple[str, str], Row] = field(default_factory=dict)
    quote_history: list[Row] = field(default_factory=list)
    errors: list[Row] = field(default_factory=list)
    trips: list[Row] = field(default_factory=list)
    resets: list[Row] = field(default_factory=list)
    approvals: dict[tuple[str, date], int] = field(default_factory=dict)
    answers: list[Row] = field(default_factory=list)
    alarms: list[Row] = field(default_factory=list)
    bots: set[str] = field(default_factory=set)

    def entry(self, entry: Entry, legs: Iterable[LedgerLeg]) -> None:
        """An entry of the chain, and its legs."""
        body = {name: value for name, value in entry.items() if name not in ("entry_no", "prev_hash", "hash")}
        number = entry["entry_no"]
        self.entries.append({"no": number, "body": body, "prev_hash": entry["prev_hash"], "hash": entry["hash"]})
        for leg, posting in enumerate(legs):
            row = {"no": number, "leg": leg, "account": posting.account, "currency": posting.currency}
            self.postings.append(row | {"amount": text(posting.amount)})
        if entry["type"] == "fill":
            self.fills.append({"no": number, **body})

    def filled(self, key: Key, part: Filled) -> None:
        """What a fill took of lots, and the lot that it opened."""
        for lot, quantity in part.taken:
            row = {**key._asdict(), "no": lot.entry_no, "quantity": text(lot.quantity - quantity)}
            if (key, lot.entry_no) in self.opened_lots:
                row |= {"price": self.opened_lots[key, lot.entry_no]["price"]}
                self.opened_lots[key, lot.entry_no] = row
            else:
                self.taken_lots[key, lot.entry_no] = row
        if part.opened:
            name = (key, part.opened.entry_no)
            before = exact(self.opened_lots[name]["quantity"]) if name in self.opened_lots else 0
            row = {"no": part.opened.entry_no, "quantity": text(before + part.opened.quantity)}
            self.opened_lots[name] = {**key._asdict(), **row, "price": text(part.opened.price)}

    def approve(self, bot_id: str, day: date) -> None:
        """One more approved order of the bot and of the user."""
        for name in (bot_id, USER):
            self.approvals[name, day] = self.approvals.get((name, day), 0) + 1

    def position(self, key: Key, position: Position) -> None:
        """A position as it is now."""
        trip = position.trip
        self.positions[key] = {
            **key._asdict(),
            "quantity": text(position.quantity),
            "cost": text(position.cost),
            "opened_at": None if trip is None else trip.opened_at.isoformat(),
            "realized": text(trip.realized if trip else exact(0)),
            "fees": text(trip.fees if trip else exact(0)),
            "best": text(trip.best if trip else exact(0)),
            "worst": text(trip.worst if trip else exact(0)),
        }

    def quote(
        self,
        exchange: str,
        symbol: str,
        quote: Quote,
        taken: tuple[Decimal, Decimal],
        seen: tuple[int, datetime] | None,
    ) -> None:
        """The newest quote, what was taken of its sizes, and, if it is new, after which entry and when it came."""
        row = {
            "exchange": exchange,
            "symbol": symbol,
            "bid": text(quote.bid),
            "ask": text(quote.ask),
            "bid_size": text(quote.bid_size),
            "ask_size": text(quote.ask_size),
            "at": quote.at.isoformat(),
        }
        self.quotes[exchange, symbol] = row | {"taken_bid": text(taken[0]), "taken_ask": text(taken[1])}
        if seen is not None:
            self.quote_history.append(row | {"after_entry": seen[0], "observed_at": seen[1].isoformat()})


def text(number: Fraction | Decimal | int | None) -> str | None:
    """A number as it is stored: exact to 36 places."""
    return None if number is None else plain(number)


class Kept(NamedTuple):
    """What a book held when it was read: its balances, fees, figures and funds; what is the same is not written."""

    balances: Mapping[str, Fraction]
    fees: Mapping[str, Fraction]
    figures: Mapping[str, Figures]
    funds: Mapping[str, Fund]

    @classmethod
    def of(cls, book: Book) -> Kept:
        return cls({**book.balances}, {**book.fees}, {**book.figures}, {**book.funds})


class BookRows(NamedTuple):
    """All rows of a book that are to be stored, as JSON; of which tables they are. `version`: that
    of the book which they were made from; None: the transaction that stores them has locked it."""

    book_id: int
    version: str | None
    tables: frozenset[str]
    text: str


def write(connection: psycopg.Connection, rows: BookRows) -> str:
    """Store what changed in a book, in one statement of the transaction that has locked it: its version then."""
    found = prepared.run(connection, statement(rows.tables, several=False), f"[{rows.text}]")
    assert found is not None
    return found.partition(" ")[0]


def write_unlocked(db: Database, several: Sequence[BookRows]) -> list[str | Exception | None]:
    """Store what changed in books, each of another, in one statement and one transaction, without a lock before: of
    each book its version from then on; None where it has another version than its rows were made from, where somebody
    else has locked it, or a key has an answer, as it has where the server stored it and went away; or why it cannot be
    stored. What is not stored leaves nothing.

    A fault of one book is not one of the others: they are stored one by one then. Raises Transient where the database
    cannot be reached or goes away; then it is not known what is stored.
    """
    try:
        with db.connect() as connection:
            return _write_unlocked(connection, several)
    except psycopg.Error as error:  # the server refused all of it
        if len(several) == 1:
            return [_why(error)]
        return [found for rows in several for found in write_unlocked(db, [rows])]


def _write_unlocked(connection: psycopg.Connection, several: Sequence[BookRows]) -> list[str | Exception | None]:
    sql = statement(frozenset().union(*(rows.tables for rows in several)), several=len(several) > 1)
    rows_text = f"[{','.join(rows.text for rows in several)}]"
    begin = prepared.Filling(BY_INDEX, [books.LOCK_WAIT])
    version, *stored = (prepared.run_alone(connection, begin, prepared.Filling(sql, [rows_text])) or "").split(" ")
    return [version if f"{rows.book_id}" in stored else None for rows in several]


def _why(error: psycopg.Error) -> Exception | None:
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return books.kept_locked()
    # a server that goes away may have stored it before; then the keys have answers
    return None if isinstance(error, psycopg.errors.UniqueViolation | psycopg.OperationalError) else error


def rows_of(
    changes: BookChanges, book: Book, before: Kept, head: Head, first_day: date | None, version: str | None = None
) -> BookRows:
    """The rows of what changed, and of what of the book is not as it was before."""
    rows: dict[str, Sequence[Any]] = {
        "entries": changes.entries,
        "postings": changes.postings,
        "fills": changes.fills,
        "orders": [*changes.orders.values()],
        "opened_lots": [row for row in changes.opened_lots.values() if row["quantity"] != "0"],
        "taken_lots": [*changes.taken_lots.values()],
        "positions": [*changes.positions.values()],
        "days": [*changes.days.values()],
        "quotes": [*changes.quotes.values()],
        "quote_history": changes.quote_history,
        "errors": changes.errors,
        "trips": changes.trips,
        "resets": changes.resets,
        "approvals": [
            {"bot_id": bot_id, "day": day.isoformat(), "used": used}
            for (bot_id, day), used in changes.approvals.items()
        ],
        "answers": changes.answers,
        "alarms": changes.alarms,
        "bots": [{"bot_id": bot_id} for bot_id in sorted(changes.bots)],
        "balances": _balances(book, before),
        "figures": [
            _figures(bot_id, figures)
            for bot_id, figures in book.figures.items()
            if figures != before.figures.get(bot_id)
        ],
        "funds": [_fund(bot_id, fund) for bot_id, fund in book.funds.items() if fund != before.funds.get(bot_id)],
    }
    given = {name: part for name, part in rows.items() if part}
    stated = {"no": head.entry_no, "hash": head.hash, "first_day": first_day and first_day.isoformat()}
    whose = {"book_id": changes.book_id, "version": version, "head": stated}
    stored = orjson.dumps({**whose, **given}, default=str).decode()
    return BookRows(changes.book_id, version, frozenset(given), stored)


def _balances(book: Book, before: Kept) -> list[Row]:
    money = (("amount", book.balances), ("fees", book.fees))  # a fee in a base currency leaves no balance of it
    return [
        {"currency": name} | {column: text(known.get(name, exact(0))) for column, known in money}
        for name in {**book.balances, **book.fees}
        if (book.balances.get(name), book.fees.get(name)) != (before.balances.get(name), before.fees.get(name))
    ]


def _figures(bot_id: str, figures: Figures) -> Row:
    row = figures._asdict()
    for name in FIGURE_AMOUNTS:
        row[name] = plain(row[name])
    return row | {"bot_id": bot_id}


def _fund(bot_id: str, fund: Fund) -> Row:
    row: Row = {"bot_id": bot_id, "day": fund.day and fund.day.isoformat()}
    for name in ("last", "high", "guarded"):
        price = getattr(fund, name)
        row[f"{name}_equity"], row[f"{name}_units"] = plain(price.equity), plain(price.units)
    for name in FUND_AMOUNTS:
        row[name] = plain(getattr(fund, name))
    return row
