"""A book under its lock: found or opened, locked, and read in one statement.

Who changes a book holds its row's lock until the transaction ends. The lock is a statement of its own: the snapshot of
a statement that locks and reads is older than its lock (docs/ledger.md gives the figures).
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import psycopg

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.book import Book, Figures, HeldElsewhere
from fntx_dagster.ledger.entries import Head
from fntx_dagster.ledger.exact import exact
from fntx_dagster.ledger.gates import Usage
from fntx_dagster.ledger.market import Symbol
from fntx_dagster.ledger.positions import Key, OpenLot, Position, Trip
from fntx_dagster.ledger.units import Fund, Price
from fntx_dagster.model.orders import Quote, Side
from fntx_dagster.store import prepared
from fntx_dagster.store.database import Readable
from fntx_dagster.store.ledger.states import BEGIN, LOCK, READ
from fntx_dagster.store.queries import one_value

LOCK_WAIT = "10s"
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
FIGURE_AMOUNTS = ("volume", "realized", "fees", "income", "gains", "losses", "best", "worst")
"""Of the figures, those that are no counts."""


class About(NamedTuple):
    """What is read of a book: the orders of a symbol that rest, the approved orders of a bot's day and of a burst, the
    answer that a key already has, and the oldest lots that a fill of a side may close. Of a paper book's state, with a
    symbol and a day, only what a turn on that symbol may need or change, and the sums of the rest (`Book.elsewhere`);
    else all of it.

    A burst reaches as far beyond now as `burst_since` lies before it: orders wait for the book's lock, and one that is
    judged first may be of a later moment. So no window of that length holds more orders than are let through, in
    whatever order they come and however the clock steps."""

    now: datetime
    day: date | None = None
    bot_id: str | None = None
    exchange: str | None = None
    symbol: str | None = None
    burst_since: datetime | None = None
    idempotency_key: str | None = None
    side: Side | None = None


class StoredAnswer(NamedTuple):
    """What a key was answered: the fingerprint of its request, the status, the body."""

    fingerprint: bytes
    status: int
    body: bytes


class Stored(NamedTuple):
    """A book as it is stored. `taken`: exchange and symbol → how much of the newest quote's two sizes was taken;
    `tripped`: the bot (empty: the user) → the type of the trigger and the number of its trip; `resting`: the rows of
    the symbol's orders that rest, oldest first; `reducing`: what open reduce-only orders of the bot will take; `only`:
    the exchange and symbol that alone the state is good for (`About`); None: it was read whole; `approved`: when the
    exchange's approved orders since `burst_since` were, ascending; `version`: another one after every change."""

    book_id: int
    is_paper: bool
    only: Symbol | None
    head: Head
    first_day: date | None
    book: Book
    taken: dict[Symbol, tuple[Decimal, Decimal]]
    tripped: dict[str, tuple[str, int]]
    resting: list[dict[str, Any]]
    usage: Usage
    reducing: Decimal
    answer: StoredAnswer | None
    lots: list[OpenLot]
    approved: list[datetime]
    version: str


def begin(connection: psycopg.Connection) -> None:
    """Begin to change what the API changes: wait for a lock for 10 seconds at most, and work as the role that owns
    nothing, where this user may take it."""
    prepared.run(connection, BEGIN, LOCK_WAIT)


def lock(connection: psycopg.Connection, user_id: str, is_paper: bool, currency: str) -> int:
    """Begin a turn on the user's book, which is locked until the transaction ends; the first use opens it, with this
    reporting currency. Raises Transient where another transaction keeps the lock.
    """
    given = (LOCK_WAIT, user_id, f"{is_paper}")
    try:
        book_id = prepared.run(connection, LOCK, *given)
        if book_id is None:  # whoever opens it at the same moment is waited for, and the next statement sees it
            begin(connection)
            connection.execute(
                "insert into ledger.books (user_id, is_paper, currency) values (%s, %s, %s) on conflict do nothing",
                (user_id, is_paper, currency),
            )
            book_id = prepared.run(connection, LOCK, *given)
            assert book_id is not None
    except psycopg.errors.LockNotAvailable:
        raise kept_locked() from None
    return int(book_id)


def kept_locked() -> Transient:
    """The book's lock was not to be had in time."""
    return Transient("another transaction keeps the lock of the book", "Try again in a moment")


def book_of(db: Readable, user_id: str, is_paper: bool) -> int | None:
    """The user's book; None where nothing ever happened in it."""
    with db.connect() as connection:
        row = connection.execute(
            "select book_id from ledger.books where user_id = %s and is_paper = %s", (user_id, is_paper)
        ).fetchone()
        return row[0] if row else None


def book_of_broker(db: Readable, account_id: str) -> int | None:
    """The book that a broker's account is projected into; None where it is not."""
    with db.connect() as connection:
        row = connection.execute("select book_id from ledger.accounts where account_id = %s", (account_id,)).fetchone()
        return row[0] if row else None


def user_of_account(db: Readable, account_id: str) -> str | None:
    """Whose live book a broker's account is projected into; None where it has no book yet."""
    with db.connect() as connection:
        row = connection.execute(
            "select user_id from ledger.accounts join ledger.books using (book_id) where account_id = %s", (account_id,)
        ).fetchone()
        return row[0] if row else None


def keep_account(connection: psycopg.Connection, account_id: str, book_id: int) -> bool:
    """Let a broker's account have this book; False where either has another counterpart."""
    connection.execute(
        "insert into ledger.accounts (account_id, book_id) values (%s, %s) on conflict do nothing",
        (account_id, book_id),
    )
    return one_value(
        connection.execute(
            "select exists (select from ledger.accounts where account_id = %s and book_id = %s)", (account_id, book_id)
        )
    )


def read(connection: psycopg.Connection, book_id: int, about: About, *, in_turn: bool = False) -> Stored:
    """A book without its entries and lots, in one statement; of its errors, those of the hour before now.

    The state of a bot is needed where the quote or a fill of the symbol may move it: the order's own, those with orders
    that rest or positions in the symbol, and those with positions in a currency whose rate the symbol is. The first
    turn of a day begins it for every fund, and so needs all of them. `in_turn`: after `lock`, in its transaction.
    """
    given = (f"{book_id}", *(None if value is None else f"{value}" for value in about))
    if in_turn:
        text = prepared.run(connection, READ, *given)
        assert text is not None
    else:
        text = one_value(psycopg.RawCursor(connection).execute(READ, given))
    return _stored(book_id, about, json.loads(text, parse_float=Decimal))


def read_each(connection: psycopg.Connection, book_ids: Sequence[int], about: About) -> list[Stored]:
    """These books as `read` gives each, in one exchange with the database."""
    rest = [None if value is None else f"{value}" for value in about]
    with connection.pipeline():
        asked = [psycopg.RawCursor(connection).execute(READ, (f"{book_id}", *rest)) for book_id in book_ids]
        texts = [one_value(cursor) for cursor in asked]
    return [
        _stored(book_id, about, json.loads(text, parse_float=Decimal))
        for book_id, text in zip(book_ids, texts, strict=True)
    ]


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


def read_quantity(connection: psycopg.Connection, book_id: int, key: Key) -> Fraction:
    """What is held of a position, negative of a short one."""
    row = connection.execute(
        """select quantity from ledger.positions
        where (book_id, bot_id, exchange, symbol) = (%s, %s, %s, %s)""",
        (book_id, *key),
    ).fetchone()
    return exact(row[0]) if row else exact(0)


def read_lots(
    connection: psycopg.Connection, book_id: int, key: Key, quantity: Fraction, last: int = -1
) -> list[OpenLot]:
    """The oldest lots of a position that follow the lot of the entry `last`, as many as hold `quantity` (absolute), or
    all."""
    lots: list[OpenLot] = []
    held = exact(0)
    while held < quantity:
        rows = connection.execute(
            """select entry_no, quantity, price from ledger.lots
            where (book_id, bot_id, exchange, symbol) = (%(book)s, %(bot_id)s, %(exchange)s, %(symbol)s)
                and coalesce(place, entry_no) > coalesce((
                    select coalesce(place, entry_no) from ledger.lots
                    where (book_id, bot_id, exchange, symbol, entry_no)
                        = (%(book)s, %(bot_id)s, %(exchange)s, %(symbol)s, %(last)s)
                ), -1)
            order by coalesce(place, entry_no) limit %(limit)s""",
            {"book": book_id, **key._asdict(), "last": last, "limit": _LOTS_AT_ONCE},
        ).fetchall()
        if not rows:
            break
        lots += (OpenLot(number, exact(amount), exact(price)) for number, amount, price in rows)
        held, last = sum((abs(lot.quantity) for lot in lots), exact(0)), lots[-1].entry_no
    return lots


def _stored(book_id: int, about: About, state: dict[str, Any]) -> Stored:
    currency, is_paper, whole, head_no, head_hash, first_day, version = state["book"]
    book = Book(currency)
    for name, amount, fees in state["balances"]:
        book.balances[name] = exact(amount)
        if fees:
            book.fees[name] = exact(fees)
    for bot, quote_currency, net, gross, cost in state["elsewhere"]:
        holding = HeldElsewhere(quote_currency, _fraction(net), _fraction(gross), exact(cost))
        book.elsewhere.setdefault(bot, []).append(holding)
    for bot, exchange, symbol, quantity, cost, opened_at, *trip in state["positions"]:
        under_way = Trip(_moment(opened_at), *map(_fraction, trip)) if opened_at else None  # pyright: ignore[reportArgumentType]  # only fees may be null
        book.positions[Key(bot, exchange, symbol)] = Position(exact(quantity), exact(cost), under_way)
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
    approved = sorted(map(_moment, state["approved"]))
    of_bot, of_user = state["usage"]
    return Stored(
        book_id,
        is_paper,
        None if whole or about.exchange is None or about.symbol is None else (about.exchange, about.symbol),
        Head(head_no, head_hash),
        first,
        book,
        taken,
        tripped,
        state["resting"],
        Usage(of_bot, of_user, in_burst(approved, about)),
        Decimal(state["reducing"]),
        answer,
        [OpenLot(number, exact(quantity), exact(price)) for number, quantity, price in state["lots"]],
        approved,
        version,
    )


def _figures(row: dict[str, Any]) -> Figures:
    values: dict[str, Any] = {name: row[name] for name in ("fills", "wins", "losing", "even", "unknown", "streak")}
    for name in FIGURE_AMOUNTS:
        values[name] = exact(row[name])
    return Figures(**values)


def _fund(row: dict[str, Any]) -> Fund:
    values: dict[str, Any] = {"day": date.fromisoformat(row["day"]) if row["day"] else None}
    for name in ("last", "high", "guarded"):
        values[name] = Price(exact(row[f"{name}_equity"]), exact(row[f"{name}_units"]))
    for name in FUND_AMOUNTS:
        values[name] = exact(row[name])
    return Fund(**values)


def in_burst(approved: Sequence[datetime], about: About) -> int:
    """How many of these moments, ascending, count in a burst (`About`)."""
    if about.burst_since is None:
        return 0
    until = about.now + (about.now - about.burst_since)
    return bisect_left(approved, until) - bisect_right(approved, about.burst_since)


def _fraction(value: Decimal | int | None) -> Fraction | None:
    return None if value is None else exact(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
