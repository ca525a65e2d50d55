"""A book under its lock: found or opened, locked, and read in one statement.

Who changes a book holds its row's lock until the transaction ends. The lock is a statement of its own: the snapshot of
a statement that locks and reads is older than its lock (docs/ledger.md gives the figures).
"""

from __future__ import annotations

import base64
import json
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.ledger.book import Book, Figures
from fntx_dagster.ledger.entries import Head
from fntx_dagster.ledger.gates import Usage
from fntx_dagster.ledger.positions import Key, OpenLot, Position, Trip
from fntx_dagster.ledger.units import Fund, Price
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_row, one_value

_LOTS_AT_ONCE = 100


FUND_AMOUNTS = (
    "capital",
    "fallen",
    "day_start",
    "deposits",
    "withdrawals",
    "base",
    "base_deposits",
    "base_withdrawals",
)
"""The amounts of a fund, beside its prices: columns as the fields are called."""


class About(NamedTuple):
    """What is read of a book beside its state: the orders of a symbol that rest, the approved orders of a bot's day and
    of a burst, and the answer that a key already has."""

    now: datetime
    day: date | None = None
    bot_id: str | None = None
    exchange: str | None = None
    symbol: str | None = None
    burst_since: datetime | None = None
    idempotency_key: str | None = None


class StoredAnswer(NamedTuple):
    """What a key was answered: the fingerprint of its request, the status, the body."""

    fingerprint: bytes
    status: int
    body: bytes


class Stored(NamedTuple):
    """A book as it is stored. `taken`: exchange and symbol → how much of the newest quote's two sizes was taken;
    `tripped`: the bot (empty: the user) → the type of the trigger and the number of its trip; `resting`: the rows of
    the symbol's orders that rest, oldest first; `reducing`: what open reduce-only orders of the bot will take."""

    book_id: int
    is_paper: bool
    head: Head
    first_day: date | None
    book: Book
    taken: dict[tuple[str, str], tuple[Decimal, Decimal]]
    tripped: dict[str, tuple[str, int]]
    resting: list[dict[str, Any]]
    usage: Usage
    reducing: Decimal
    answer: StoredAnswer | None


def begin(connection: psycopg.Connection) -> None:
    """Begin a turn: wait for a lock for 10 seconds at most, and work as the role that owns nothing, where this user may
    take it."""
    connection.execute(
        """select set_config('lock_timeout', '10s', true), (select set_config('role', rolname, true) from pg_roles
        where rolname = 'fntx_api' and pg_has_role(session_user, oid, 'MEMBER'))"""
    )


def lock(connection: psycopg.Connection, user_id: str, is_paper: bool, currency: str) -> int:
    """The user's book, locked until the transaction ends; the first use opens it, with this reporting currency."""
    row = connection.execute(_LOCK, (user_id, is_paper)).fetchone()
    if row is None:  # whoever opens it at the same moment is waited for, and the next statement sees it
        connection.execute(
            "insert into ledger.books (user_id, is_paper, currency) values (%s, %s, %s) on conflict do nothing",
            (user_id, is_paper, currency),
        )
        row = one_row(connection.execute(_LOCK, (user_id, is_paper)))
    return row[0]


def book_of(db: Readable, user_id: str, is_paper: bool) -> int | None:
    """The user's book; None where nothing ever happened in it."""
    with db.connect() as connection:
        row = connection.execute(
            "select book_id from ledger.books where user_id = %s and is_paper = %s", (user_id, is_paper)
        ).fetchone()
        return row[0] if row else None


def read(connection: psycopg.Connection, book_id: int, about: About) -> Stored:
    """All of a book but its entries and lots, in one statement; of its errors, those of the hour before now."""
    text = one_value(connection.execute(_READ, {"book": book_id, **about._asdict()}))
    return _stored(book_id, json.loads(text, parse_float=Decimal))


def resting(connection: psycopg.Connection, book_id: int, bot_id: str | None) -> list[dict[str, Any]]:
    """The rows of the orders that rest or, in a live book, may come to rest, of one bot or of all, oldest first."""
    text = one_value(
        connection.execute(
            """select coalesce(jsonb_agg(to_jsonb(orders) order by created_at, order_id), '[]')::text from ledger.orders
            where book_id = %s and bot_id = coalesce(%s, bot_id)
                and state in ('submitting', 'unknown', 'open', 'partially_filled')""",
            (book_id, bot_id),
        )
    )
    return json.loads(text, parse_float=Decimal)


def read_lots(
    connection: psycopg.Connection, book_id: int, key: Key, quantity: Fraction, last: int = -1
) -> list[OpenLot]:
    """The oldest lots of a position that came after the entry `last`, as many as hold `quantity` (absolute), or all."""
    lots: list[OpenLot] = []
    held = Fraction(0)
    while held < quantity:
        rows = connection.execute(
            """select entry_no, quantity, price from ledger.lots
            where (book_id, bot_id, exchange, symbol) = (%s, %s, %s, %s) and entry_no > %s
            order by entry_no limit %s""",
            (book_id, *key, last, _LOTS_AT_ONCE),
        ).fetchall()
        if not rows:
            break
        lots += (OpenLot(number, Fraction(amount), Fraction(price)) for number, amount, price in rows)
        held, last = sum((abs(lot.quantity) for lot in lots), Fraction(0)), lots[-1].entry_no
    return lots


def _stored(book_id: int, state: dict[str, Any]) -> Stored:
    currency, is_paper, head_no, head_hash, first_day = state["book"]
    book = Book(currency)
    for name, amount, fees in state["balances"]:
        book.balances[name] = Fraction(amount)
        if fees:
            book.fees[name] = Fraction(fees)
    for bot, exchange, symbol, quantity, cost, opened_at, *trip in state["positions"]:
        under_way = Trip(_moment(opened_at), *map(_fraction, trip)) if opened_at else None  # pyright: ignore[reportArgumentType]  # only fees may be null
        book.positions[Key(bot, exchange, symbol)] = Position(Fraction(quantity), Fraction(cost), under_way)
    for row in state["figures"]:
        book.figures[row["bot_id"]] = _figures(row)
    for row in state["funds"]:
        book.funds[row["bot_id"]] = _fund(row)
    taken = {}
    for exchange, symbol, bid, ask, bid_size, ask_size, at, taken_bid, taken_ask in state["quotes"]:
        first_size, second_size = (None if size is None else Decimal(size) for size in (bid_size, ask_size))
        book.quotes[exchange, symbol] = Quote(Decimal(bid), Decimal(ask), first_size, second_size, _moment(at))
        taken[exchange, symbol] = (Decimal(taken_bid), Decimal(taken_ask))
    for bot, at in state["errors"]:
        book.errors[bot].append(_moment(at))
    tripped = {bot: (kind, number) for bot, kind, number in state["breakers"]}
    first = date.fromisoformat(first_day) if first_day else None
    answer = None
    if state["answer"]:
        fingerprint, status, body = state["answer"]
        answer = StoredAnswer(bytes.fromhex(fingerprint), status, base64.b64decode(body))
    return Stored(
        book_id,
        is_paper,
        Head(head_no, head_hash),
        first,
        book,
        taken,
        tripped,
        state["resting"],
        Usage(*state["usage"]),
        Decimal(state["reducing"]),
        answer,
    )


def _figures(row: dict[str, Any]) -> Figures:
    values: dict[str, Any] = {name: row[name] for name in ("fills", "wins", "losing", "even", "unknown", "streak")}
    for name in ("volume", "realized", "fees", "gains", "losses", "best", "worst"):
        values[name] = Fraction(row[name])
    return Figures(**values)


def _fund(row: dict[str, Any]) -> Fund:
    values: dict[str, Any] = {"day": date.fromisoformat(row["day"]) if row["day"] else None}
    for name in ("last", "high", "guarded"):
        values[name] = Price(Fraction(row[f"{name}_equity"]), Fraction(row[f"{name}_units"]))
    for name in FUND_AMOUNTS:
        values[name] = Fraction(row[name])
    return Fund(**values)


def _fraction(value: Decimal | int | None) -> Fraction | None:
    return None if value is None else Fraction(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


_LOCK = "select book_id from ledger.books where user_id = %s and is_paper = %s for no key update"
_READ = """
    select jsonb_build_object(
        'book', (select jsonb_build_array(currency, is_paper, head_no, head_hash, first_day)
            from ledger.books where book_id = %(book)s),
        'balances', (select coalesce(jsonb_agg(jsonb_build_array(currency, amount, fees)), '[]')
            from ledger.balances where book_id = %(book)s),
        'positions', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, exchange, symbol, quantity, cost, opened_at,
                realized, fees, best, worst)), '[]')
            from ledger.positions where book_id = %(book)s and quantity <> 0),
        'figures', (select coalesce(jsonb_agg(to_jsonb(figures)), '[]')
            from ledger.figures where book_id = %(book)s),
        'funds', (select coalesce(jsonb_agg(to_jsonb(funds)), '[]')
            from ledger.funds where book_id = %(book)s),
        'quotes', (select coalesce(jsonb_agg(jsonb_build_array(exchange, symbol, bid, ask, bid_size, ask_size, at,
                taken_bid, taken_ask)), '[]')
            from ledger.quotes where book_id = %(book)s),
        'breakers', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, trigger_type, trip_no)), '[]')
            from ledger.breakers where book_id = %(book)s),
        'errors', (select coalesce(jsonb_agg(jsonb_build_array(bot_id, at)), '[]')
            from ledger.errors where book_id = %(book)s and at > %(now)s::timestamptz - interval '1 hour'),
        'resting', (select coalesce(jsonb_agg(to_jsonb(orders) order by created_at, order_id), '[]')
            from ledger.orders where book_id = %(book)s and exchange = %(exchange)s::text and symbol = %(symbol)s::text
                and state in ('open', 'partially_filled')),
        'reducing', (select coalesce(sum(amount - filled), 0)
            from ledger.orders where book_id = %(book)s and exchange = %(exchange)s::text and symbol = %(symbol)s::text
                and bot_id = %(bot_id)s::text and reduce_only
                and state in ('approved', 'submitting', 'open', 'partially_filled', 'unknown')),
        'usage', jsonb_build_array(
            (select coalesce(sum(used), 0) from ledger.approvals
                where book_id = %(book)s and bot_id = %(bot_id)s::text and day = %(day)s::date),
            (select coalesce(sum(used), 0) from ledger.approvals
                where book_id = %(book)s and bot_id = '' and day = %(day)s::date),
            (select count(*) from ledger.orders
                where book_id = %(book)s and exchange = %(exchange)s::text
                    and approved_at > %(burst_since)s::timestamptz and approved_at <= %(now)s::timestamptz)),
        'answer', (select jsonb_build_array(encode(fingerprint, 'hex'), status, encode(body, 'base64'))
            from ledger.answers where book_id = %(book)s and idempotency_key = %(idempotency_key)s::text)
    )::text
"""
