"""Orders as a person looks for them, and what one of them made: its fills and its entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import args_row, dict_row

from fntx_dagster.ledger.entries import Entry, StoredEntry
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns

MOST_LOOKED = 20_000
"""So many orders are looked at for a page of those of a bot or a state: an index of either would be paid by every
order, and a tenth of a second is what they cost."""


class OrderPlace(NamedTuple):
    """Where an order is in a list: when it came, and its id."""

    created_at: datetime
    order_id: str


class OrdersWanted(NamedTuple):
    """Which orders: of a user, a bot, a state, paper or live (None: all of them), behind a place, so many at most."""

    user_id: str | None
    bot_id: str | None
    state: str | None
    is_paper: bool | None
    before: OrderPlace | None
    limit: int


class ListedOrder(NamedTuple):
    """An order in a list. `paid`: what was filled came to, in the quote currency."""

    order_id: str
    user_id: str
    is_paper: bool
    bot_id: str
    exchange: str
    symbol: str
    side: str
    amount: Decimal
    order_type: str
    price: Decimal | None
    state: str
    gate_failed: str | None
    reason_code: str | None
    filled: Decimal
    paid: Decimal
    created_at: datetime

    @property
    def place(self) -> OrderPlace:
        return OrderPlace(self.created_at, self.order_id)


class OrdersFound(NamedTuple):
    """Orders, newest first. `until`: the order that was looked at last, where older ones were not looked at; None where
    all were, or where as many were found as were wanted."""

    orders: list[ListedOrder]
    until: OrderPlace | None


def listed(db: Readable, wanted: OrdersWanted, most_looked: int = MOST_LOOKED) -> OrdersFound:
    """Orders, newest first: of each book its newest, and of those the newest of all. For a bot or a state, so many are
    looked at, of all books together: what matches may be far back, and no page reads a whole history."""
    at, order_id = wanted.before or (None, None)
    given = {
        "bot": wanted.bot_id,
        "state": wanted.state,
        "at": at,
        "order": order_id,
        "limit": wanted.limit,
        "user": wanted.user_id,
        "paper": wanted.is_paper,
    }
    with db.connect() as connection:
        until = None
        if wanted.bot_id is not None or wanted.state is not None:
            row = connection.execute(_LOOKED_UNTIL, {**given, "most": most_looked}).fetchone()
            until = OrderPlace._make(row) if row else None
        since, last = until or (None, None)
        with connection.cursor(row_factory=args_row(ListedOrder)) as cursor:
            found = cursor.execute(_LISTED, {**given, "since": since, "last": last}).fetchall()
    return OrdersFound(found, until if len(found) < wanted.limit else None)


_BOOKS = """(
    select book_id, user_id, is_paper from ledger.books
    where (%(user)s::text is null or user_id = %(user)s) and (%(paper)s::boolean is null or is_paper = %(paper)s)
)"""
_BEFORE = "(%(at)s::timestamptz is null or (created_at, order_id) < (%(at)s, %(order)s::uuid))"
_LISTED = f"""
select {columns([name if name != "order_id" else "order_id::text" for name in ListedOrder._fields])}
from {_BOOKS} as books cross join lateral (
    select * from ledger.orders where orders.book_id = books.book_id and {_BEFORE}
        and (%(since)s::timestamptz is null or (created_at, order_id) >= (%(since)s, %(last)s::uuid))
        and (%(bot)s::text is null or bot_id = %(bot)s) and (%(state)s::text is null or state = %(state)s)
    order by created_at desc, order_id desc limit %(limit)s) as orders
order by created_at desc, orders.order_id desc limit %(limit)s
"""
_LOOKED_UNTIL = f"""
with books as materialized {_BOOKS}
select created_at, order_id::text from books cross join lateral (
    select created_at, order_id from ledger.orders where orders.book_id = books.book_id and {_BEFORE}
    order by created_at desc, order_id desc
    offset greatest(%(most)s / nullif((select count(*) from books), 0), %(limit)s) - 1 limit 1) as orders
order by created_at desc, orders.order_id desc limit 1
"""
"""The newest of the orders at which the books end that have more than their part of those to look at."""


def order_of_id(db: Readable, order_id: str) -> Mapping[str, Any] | None:
    """An order of whatever user, with its book's user; None where there is none."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select orders.*, order_id::text, user_id, is_paper, currency
            from ledger.orders join ledger.books using (book_id) where order_id = %s""",
            (order_id,),
        ).fetchone()


def fills_of(db: Readable, order_id: str, limit: int) -> Sequence[Mapping[str, Any]]:
    """The fills of an order in the order of their entries, so many at most; `is_reversed`: taken back by a later
    entry."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            """select fills.*, coalesce(restated.realized_pnl, fills.realized_pnl) as realized_pnl,
                exists (select from ledger.reversals where reversals.book_id = fills.book_id
                    and reversals.reversed_no = fills.entry_no) as is_reversed
            from ledger.fills left join ledger.restated using (book_id, entry_no)
            where order_id = %s order by entry_no limit %s""",
            (order_id, limit),
        ).fetchall()


def events_of(db: Readable, book_id: int, order_id: str, limit: int) -> list[Entry]:
    """The entries of a book that name an order and are no fills: that it was refused, that it met an error."""
    with db.connect() as connection:
        rows = connection.execute(
            """select entry_no, body::text, prev_hash, hash from ledger.entries
            where body ->> 'type' = 'event' and body ? 'order_id' and body ->> 'order_id' = %s
                and book_id = %s
            order by entry_no limit %s""",
            (order_id, book_id, limit),
        ).fetchall()
    return [StoredEntry._make(row).entry for row in rows]
