"""Live orders as they are stored: those under way, those to cancel, the markets that are followed, known fills, alarms.

What is read with a connection is read under the lock of its book.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

from fntx_dagster.model.orders import Side
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import books
from fntx_dagster.store.queries import one_value, own_sql


class LiveOrder(NamedTuple):
    """An order of a live book, as far as an exchange is asked about it. `price`: the limit that was sent."""

    order_id: str
    user_id: str
    exchange: str
    symbol: str
    side: Side
    amount: Decimal
    price: Decimal
    state: str
    filled: Decimal
    exchange_order_id: str | None
    idempotency_key: str
    bot_id: str
    created_at: datetime
    cancel_code: str | None = None

    @property
    def client_id(self) -> str:
        """The id that the exchange knows it by: its UUID as 32 hex digits."""
        return self.order_id.replace("-", "")


class FollowedMarket(NamedTuple):
    """A symbol at an exchange in which a live book has had an order, and since when its fills are to be read."""

    book_id: int
    user_id: str
    exchange: str
    symbol: str
    since: datetime


class KnownFill(NamedTuple):
    """What a fill that is booked says, as far as it may not change."""

    order_id: str | None
    side: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str


class Alarm(NamedTuple):
    """What a person has to look at: its kind and what it is about, the entry that states it, in words."""

    book_id: int
    kind: str
    about: str
    entry_no: int
    words: str
    raised_at: datetime


def order(connection: psycopg.Connection, book_id: int, order_id: str) -> dict[str, Any] | None:
    """The row of an order."""
    return _row(connection, "order_id = %s::uuid", book_id, order_id)


def order_of_key(connection: psycopg.Connection, book_id: int, key: str) -> dict[str, Any] | None:
    """The row of the order that a key belongs to."""
    return _row(connection, "idempotency_key = %s", book_id, key)


def known_fills(
    connection: psycopg.Connection, book_id: int, exchange: str, symbol: str, trade_ids: Collection[str]
) -> dict[str, KnownFill]:
    """Trade id → the fill of it that is booked, for those that are."""
    rows = connection.execute(
        """select exchange_trade_id, order_id::text, side, qty, price, fee, fee_currency from ledger.fills
        where (book_id, exchange, symbol) = (%s, %s, %s) and exchange_trade_id = any(%s)
        order by entry_no desc""",  # of a fill that was corrected, what the exchange reported
        (book_id, exchange, symbol, list(trade_ids)),
    )
    return {trade_id: KnownFill._make(fill) for trade_id, *fill in rows}


def is_told(connection: psycopg.Connection, book_id: int, kind: str, about: str) -> bool:
    """Whether there is an alarm of this kind about this already."""
    return one_value(
        connection.execute(
            "select exists (select from ledger.alarms where (book_id, kind, about) = (%s, %s, %s))",
            (book_id, kind, about),
        )
    )


def alarms(db: Readable) -> list[Alarm]:
    """All alarms, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            """select book_id, kind, about, entry_no, words, raised_at from ledger.alarms
            order by raised_at desc, entry_no desc"""
        )
        return [Alarm._make(row) for row in cursor]


def left(db: Readable, now: datetime) -> list[LiveOrder]:
    """The orders that nobody works on and whose outcome is not known, oldest first."""
    return _orders(db, "state = 'unknown' or (state = 'submitting' and held_until < %s)", now)


def to_cancel(db: Readable, user_id: str) -> list[LiveOrder]:
    """The orders of a user that rest and are to be cancelled."""
    wanted = "cancel_code is not null and state in ('open', 'partially_filled') and user_id = %s"
    return _orders(db, wanted, user_id)


def resting_in(db: Readable, market: FollowedMarket) -> list[LiveOrder]:
    """The orders of a market that rest at the exchange."""
    wanted = "book_id = %s and exchange = %s and symbol = %s and state in ('open', 'partially_filled')"
    return _orders(db, wanted, market.book_id, market.exchange, market.symbol)


def without_exchange_id(db: Readable, market: FollowedMarket) -> list[LiveOrder]:
    """The orders of a market that may be at the exchange under an id that is not known."""
    wanted = """book_id = %s and exchange = %s and symbol = %s and exchange_order_id is null
        and (state in ('submitting', 'unknown') or (state = 'failed' and reason_code = 'never_arrived'))"""
    return _orders(db, wanted, market.book_id, market.exchange, market.symbol)


def named(
    db: Readable, market: FollowedMarket, order_ids: Collection[str], exchange_ids: Collection[str]
) -> list[LiveOrder]:
    """The orders of a market with one of these ids, ours or the exchange's."""
    wanted = """book_id = %s and exchange = %s and symbol = %s
        and (order_id = any(%s::uuid[]) or exchange_order_id = any(%s))"""
    ours, theirs = list(order_ids), list(exchange_ids)
    return _orders(db, wanted, market.book_id, market.exchange, market.symbol, ours, theirs)


def markets(db: Readable) -> list[FollowedMarket]:
    """The markets of live books that have had an order: fills are read from where they were read until, or from the
    oldest order on that may still be filled."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            """select book_id, user_id, exchange, symbol, least(followed_until, (
                    select min(created_at) from ledger.orders
                    where (orders.book_id, orders.exchange, orders.symbol)
                        = (followed.book_id, followed.exchange, followed.symbol)
                    and state in ('approved', 'submitting', 'open', 'partially_filled', 'unknown'))) as since
            from ledger.followed join ledger.books using (book_id) order by book_id, exchange, symbol"""
        )
        return [FollowedMarket._make(row) for row in cursor]


def follow(connection: psycopg.Connection, book_id: int, exchange: str, symbol: str, since: datetime) -> None:
    """Follow a market from a moment on; one that is followed already stays as it is."""
    connection.execute(
        "insert into ledger.followed values (%s, %s, %s, %s) on conflict do nothing", (book_id, exchange, symbol, since)
    )


def followed(db: Database, market: FollowedMarket, until: datetime) -> None:
    """Note until when the fills of a market have been read; never back."""
    with db.connect() as connection:
        books.begin(connection)
        connection.execute(
            """update ledger.followed set followed_until = greatest(followed_until, %s)
            where (book_id, exchange, symbol) = (%s, %s, %s)""",
            (until, market.book_id, market.exchange, market.symbol),
        )


def _row(connection: psycopg.Connection, which: str, *values: object) -> dict[str, Any] | None:
    query = f"select to_jsonb(orders)::text from ledger.orders where book_id = %s and {which}"
    found = connection.execute(own_sql(query), values).fetchone()
    return json.loads(found[0], parse_float=Decimal) if found else None


def _orders(db: Readable, which: str, *values: object) -> list[LiveOrder]:
    query = f"""select order_id::text, user_id, exchange, symbol, side, amount, coalesce(sent_price, price) as price,
            state, filled, exchange_order_id, idempotency_key, bot_id, orders.created_at, cancel_code
        from ledger.orders join ledger.books using (book_id) where not is_paper and ({which})
        order by orders.created_at, orders.order_id"""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(own_sql(query), values)
        return [LiveOrder._make(row) for row in cursor]
