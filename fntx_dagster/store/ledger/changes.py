"""What a transaction changes in a book, written in one statement at its end.

`Changes` collects rows as they will be stored; amounts are texts, so that none passes through a float. Several changes
of one row (a position that two fills of an order move) are one row: the last.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.ledger.book import Book, Figures
from fntx_dagster.ledger.entries import Entry, Head
from fntx_dagster.ledger.exact import plain
from fntx_dagster.ledger.positions import Filled, Key, Position
from fntx_dagster.ledger.postings import LedgerLeg
from fntx_dagster.ledger.units import Fund
from fntx_dagster.model.orders import Quote
from fntx_dagster.store import prepared
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import FUND_AMOUNTS
from fntx_dagster.store.ledger.states import BEGIN
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
    approvals: list[Row] = field(default_factory=list)
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
            before = Fraction(self.opened_lots[name]["quantity"]) if name in self.opened_lots else 0
            row = {"no": part.opened.entry_no, "quantity": text(before + part.opened.quantity)}
            self.opened_lots[name] = {**key._asdict(), **row, "price": text(part.opened.price)}

    def position(self, key: Key, position: Position) -> None:
        """A position as it is now."""
        trip = position.trip
        self.positions[key] = {
            **key._asdict(),
            "quantity": text(position.quantity),
            "cost": text(position.cost),
            "opened_at": None if trip is None else trip.opened_at.isoformat(),
            "realized": text(trip.realized if trip else Fraction(0)),
            "fees": text(trip.fees if trip else Fraction(0)),
            "best": text(trip.best if trip else Fraction(0)),
            "worst": text(trip.worst if trip else Fraction(0)),
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


def write(
    connection: psycopg.Connection, changes: BookChanges, book: Book, before: Kept, head: Head, first_day: date | None
) -> str:
    """Store all of it, and what of the book is not as it was before, in one statement of the transaction that holds the
    book's lock: the book's version from then on."""
    tables, rows = _rows(changes, book, before, head, first_day)
    version = prepared.run(connection, statement(tables), f"{changes.book_id}", rows)
    assert version is not None
    return version


def write_alone(
    connection: psycopg.Connection,
    version: str,
    changes: BookChanges,
    book: Book,
    before: Kept,
    head: Head,
    first_day: date | None,
) -> str | None:
    """As `write`, in a transaction of its own and without the lock, if the book still has this version. None, and
    nothing is stored, where it has another one or a key has an answer. Raises Transient as `books.lock` does."""
    tables, rows = _rows(changes, book, before, head, first_day)
    begin = prepared.Filling(BEGIN, [books.LOCK_WAIT])
    changed = prepared.Filling(statement(tables, versioned=True), [f"{changes.book_id}", rows, version])
    try:
        return prepared.run_alone(connection, begin, changed)
    except psycopg.errors.UniqueViolation:
        return None
    except psycopg.errors.LockNotAvailable:
        raise books.kept_locked() from None


def _rows(
    changes: BookChanges, book: Book, before: Kept, head: Head, first_day: date | None
) -> tuple[tuple[str, ...], str]:
    """The tables that get rows, and the rows as JSON."""
    money = (("amount", book.balances), ("fees", book.fees))  # a fee in a base currency leaves no balance of it
    rows: dict[str, Sequence[Any]] = {
        "entries": changes.entries,
        "postings": changes.postings,
        "fills": changes.fills,
        "orders": [*changes.orders.values()],
        "opened_lots": [row for row in changes.opened_lots.values() if Fraction(row["quantity"])],
        "taken_lots": [*changes.taken_lots.values()],
        "positions": [*changes.positions.values()],
        "days": [*changes.days.values()],
        "quotes": [*changes.quotes.values()],
        "quote_history": changes.quote_history,
        "errors": changes.errors,
        "trips": changes.trips,
        "resets": changes.resets,
        "approvals": changes.approvals,
        "answers": changes.answers,
        "alarms": changes.alarms,
        "bots": [{"bot_id": bot_id} for bot_id in sorted(changes.bots)],
        "balances": [
            {"currency": name} | {column: text(known.get(name, Fraction(0))) for column, known in money}
            for name in {**book.balances, **book.fees}
            if (book.balances.get(name), book.fees.get(name)) != (before.balances.get(name), before.fees.get(name))
        ],
        "figures": [
            {"bot_id": bot_id}
            | {
                name: value if isinstance(value := getattr(figures, name), int) else text(value)
                for name in figures.__dataclass_fields__
            }
            for bot_id, figures in book.figures.items()
            if figures != before.figures.get(bot_id)
        ],
        "funds": [_fund(bot_id, fund) for bot_id, fund in book.funds.items() if fund != before.funds.get(bot_id)],
    }
    given = {name: part for name, part in rows.items() if part}
    stated = {"no": head.entry_no, "hash": head.hash, "first_day": first_day and first_day.isoformat()}
    return tuple(given), json.dumps({"head": stated, **given}, default=str)


def _fund(bot_id: str, fund: Fund) -> Row:
    row: Row = {"bot_id": bot_id, "day": fund.day and fund.day.isoformat()}
    for name in ("last", "high", "guarded"):
        price = getattr(fund, name)
        row |= {f"{name}_equity": text(price.equity), f"{name}_units": text(price.units)}
    for name in FUND_AMOUNTS:
        row[name] = text(getattr(fund, name))
    return row
