"""What a verification reads of the ledger beside the books' state."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple

import psycopg

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.entries import START, Entry, Head
from fntx_dagster.ledger.positions import Key, OpenLot
from fntx_dagster.ledger.replay import Seen
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_row, one_value

_ROWS_AT_ONCE = 5000


class BookRow(NamedTuple):
    """A book: whose, which, and its head."""

    book_id: int
    user_id: str
    is_paper: bool
    currency: str
    head: Head


def listed(db: Readable, user_id: str | None = None) -> list[BookRow]:
    """The books of a user, or all, by user. Raises Permanent for a user without a book."""
    with db.connect() as connection:
        rows = connection.execute(
            """select book_id, user_id, is_paper, currency, head_no, head_hash from ledger.books
            where user_id = coalesce(%s, user_id) order by user_id, is_paper""",
            (user_id,),
        )
        found = [BookRow(*book, Head(number, digest)) for *book, number, digest in rows]  # pyright: ignore[reportCallIssue]  # of five columns
    if user_id is not None and not found:
        raise Permanent(f"{user_id} has no book", "`fntx ledger status` lists the books")
    return found


def broker_books(db: Readable) -> dict[str, int]:
    """A broker's account → the book that its statements are projected into."""
    with db.connect() as connection:
        return dict(connection.execute("select account_id, book_id from ledger.accounts").fetchall())


def quotes(db: Readable, book_id: int) -> Iterator[Seen]:
    """The quotes that a book took, in the order in which they came, streamed."""
    with db.connect() as connection, connection.cursor("quotes") as cursor:
        cursor.itersize = _ROWS_AT_ONCE
        cursor.execute(
            """select after_entry, exchange, symbol, bid, ask, bid_size, ask_size, at, observed_at
            from ledger.quote_history where book_id = %s order by quote_no""",
            (book_id,),
        )
        for after_entry, exchange, symbol, *quote, observed_at in cursor:
            yield Seen(after_entry, exchange, symbol, Quote._make(quote), observed_at)


def heads_at(db: Readable, book_id: int, moments: Sequence[datetime]) -> list[Head]:
    """The head of a book at each of these moments, which ascend: the last entry, by number, that had taken effect by
    then, whenever it was recorded."""
    with db.connect() as connection:
        rows = connection.execute(_HEADS, {"book": book_id, "moments": list(moments)}).fetchall()
    newest = {number: Head(entry_no, digest) for number, entry_no, digest in rows}
    heads = [newest.get(number, START) for number in range(len(moments))]
    return list(accumulate(heads, max))


def first_movement(db: Readable, book_id: int) -> datetime | None:
    """When the first entry of a book that moved anything took effect; None where none did."""
    with db.connect() as connection:
        return one_value(
            connection.execute(
                """select min(coalesce(body ->> 'booked_at', body ->> 'timestamp')::timestamptz) from ledger.entries
                where book_id = %(book)s
                    and entry_no in (select entry_no from ledger.postings where book_id = %(book)s)""",
                {"book": book_id},
            )
        )


def entry(db: Readable, book_id: int, entry_no: int) -> Entry:
    """One entry of a book. Raises LookupError where it has none of this number."""
    with db.connect() as connection:
        body, prev_hash, digest = one_row(
            connection.execute(
                "select body, prev_hash, hash from ledger.entries where book_id = %s and entry_no = %s",
                (book_id, entry_no),
            )
        )
        return {"entry_no": entry_no, **body, "prev_hash": prev_hash, "hash": digest}


def lots(connection: psycopg.Connection, book_id: int) -> dict[Key, deque[OpenLot]]:
    """Every open lot, oldest first."""
    found: dict[Key, deque[OpenLot]] = {}
    rows = connection.execute(
        """select bot_id, exchange, symbol, entry_no, quantity, price from ledger.lots
        where book_id = %s order by coalesce(place, entry_no)""",
        (book_id,),
    )
    for bot_id, exchange, symbol, number, quantity, price in rows:
        lot = OpenLot(number, Fraction(quantity), Fraction(price))
        found.setdefault(Key(bot_id, exchange, symbol), deque()).append(lot)
    return found


def unbalanced(db: Readable, book_id: int) -> Iterator[str]:
    """The entries whose postings do not sum to zero in each currency, and balances that are not the postings' sums."""
    with db.connect() as connection:
        for number, currency, total in connection.execute(
            """select entry_no, currency, sum(amount) from ledger.postings where book_id = %s
            group by entry_no, currency having sum(amount) <> 0 order by entry_no limit 100""",
            (book_id,),
        ):
            yield f"the postings of entry {number} sum to {total} {currency} instead of 0"
        for currency, posted, balance in connection.execute(
            """select currency, posted, amount from (
                    select currency, sum(amount) as posted from ledger.postings
                    where book_id = %(book)s and account = 'cash' group by currency) as posted
                full join (select currency, amount from ledger.balances where book_id = %(book)s) as kept
                    using (currency)
            where coalesce(posted, 0) <> coalesce(amount, 0) order by currency limit 100""",
            {"book": book_id},
        ):
            yield f"the balance of {currency} is {balance}, and its postings sum to {posted}"


def correcting_entries(connection: psycopg.Connection, book_id: int) -> list[Entry]:
    """The entries of a book that reverse another one or state a place, in order."""
    rows = connection.execute(
        """select body || jsonb_build_object('entry_no', entry_no) from ledger.entries
        where book_id = %s and (body ? 'place' or body ? 'reverses') order by entry_no""",
        (book_id,),
    )
    return [body for (body,) in rows]


def restated(db: Readable, book_id: int) -> dict[int, Fraction]:
    """Entry → the gross P&L that it has by corrections before it, where that is not what it states."""
    with db.connect() as connection:
        rows = connection.execute("select entry_no, realized_pnl from ledger.restated where book_id = %s", (book_id,))
        return {number: Fraction(realized) for number, realized in rows}


def differing_fills(db: Readable, book_id: int) -> Iterator[str]:
    """The fills whose row is not what their entry states, and fills without their other half."""
    with db.connect() as connection:
        for (number,) in connection.execute(
            """select entry_no from (
                    select entry_no, body from ledger.entries where book_id = %(book)s and body ->> 'type' = 'fill'
                ) as entries
                full join (select * from ledger.fills where book_id = %(book)s) as fills using (entry_no)
            where (fill_id::text, bot_id, exchange, symbol, side, qty, price, fee, fee_currency, realized_pnl,
                order_id::text, liquidity, executed_at, exchange_trade_id)
                is distinct from (body ->> 'fill_id', body ->> 'bot_id', body ->> 'exchange', body ->> 'symbol',
                    body ->> 'side', (body ->> 'qty')::numeric, (body ->> 'price')::numeric,
                    (body ->> 'fee')::numeric, body ->> 'fee_currency', (body ->> 'realized_pnl')::numeric,
                    body ->> 'order_id', body ->> 'liquidity', (body ->> 'timestamp')::timestamptz,
                    body ->> 'exchange_trade_id')
            order by entry_no limit 100""",
            {"book": book_id},
        ):
            yield f"the fill of entry {number} is not what the entry states"


def differing_orders(db: Readable, book_id: int) -> Iterator[str]:
    """The orders whose filled amount, or what was paid for it, is not that of their fills, corrections left out."""
    with db.connect() as connection:
        for order_id, filled, booked in connection.execute(
            """select order_id, filled, coalesce(qty, 0) from ledger.orders
                left join (select order_id, sum(qty) as qty, sum(qty * price) as paid from ledger.fills
                    where book_id = %(book)s and replaces = 0 group by order_id) as fills using (order_id)
            where book_id = %(book)s
                and (filled, orders.paid) is distinct from (coalesce(qty, 0), coalesce(fills.paid, 0))
            order by order_id limit 100""",
            {"book": book_id},
        ):
            yield f"the order {order_id}: the table has {filled} filled, its fills make {booked}"


def differing_trips(db: Readable, book_id: int) -> Iterator[str]:
    """The trips of breakers that are not what their entries state, and entries without their trip."""
    with db.connect() as connection:
        for (number,) in connection.execute(
            """select entry_no from (
                    select entry_no, body from ledger.entries
                    where book_id = %(book)s and body ->> 'event_type' = 'breaker_trip'
                ) as entries
                full join (select trip_no as entry_no, bot_id, trigger_type, trigger_reason, tripped_at, metrics
                    from ledger.trips where book_id = %(book)s) as trips using (entry_no)
            where (bot_id, trigger_type, trigger_reason, tripped_at, metrics)
                is distinct from (coalesce(body ->> 'bot_id', ''), body ->> 'trigger_type', body ->> 'trigger_reason',
                    (body ->> 'timestamp')::timestamptz, body -> 'metrics')
            order by entry_no limit 100""",
            {"book": book_id},
        ):
            yield f"the trip of entry {number} is not what the entry states"


_HEADS = """
    with newest as (
        select width_bucket(
            coalesce(body ->> 'booked_at', body ->> 'timestamp')::timestamptz - interval '1 microsecond',
            %(moments)s::timestamptz[]
        ) as number, max(entry_no) as entry_no
        from ledger.entries where book_id = %(book)s group by 1
    )
    select newest.number, entries.entry_no, entries.hash
    from newest join ledger.entries on entries.book_id = %(book)s and entries.entry_no = newest.entry_no
    where newest.number < cardinality(%(moments)s::timestamptz[])
"""
"""An entry counts for the first of the moments that is not before it."""
