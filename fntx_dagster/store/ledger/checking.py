"""What a verification reads of the ledger beside the books' state."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from fntx_dagster.ledger.entries import Head
from fntx_dagster.ledger.positions import Key, OpenLot
from fntx_dagster.ledger.replay import Seen
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Readable

_ROWS_AT_ONCE = 5000


class BookRow(NamedTuple):
    """A book: whose, which, and its head."""

    book_id: int
    user_id: str
    is_paper: bool
    currency: str
    head: Head


def listed(db: Readable) -> list[BookRow]:
    """All books, by user."""
    with db.connect() as connection:
        rows = connection.execute(
            """select book_id, user_id, is_paper, currency, head_no, head_hash from ledger.books
            order by user_id, is_paper"""
        )
        return [BookRow(*book, Head(number, digest)) for *book, number, digest in rows]  # pyright: ignore[reportCallIssue]  # of five columns


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


def lots(db: Readable, book_id: int) -> dict[Key, deque[OpenLot]]:
    """Every open lot, oldest first."""
    found: dict[Key, deque[OpenLot]] = {}
    with db.connect() as connection:
        rows = connection.execute(
            """select bot_id, exchange, symbol, entry_no, quantity, price from ledger.lots
            where book_id = %s order by entry_no""",
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


def differing_fills(db: Readable, book_id: int) -> Iterator[str]:
    """The fills whose row is not what their entry states, and fills without their other half."""
    with db.connect() as connection:
        for (number,) in connection.execute(
            """select entry_no from (
                    select entry_no, body from ledger.entries where book_id = %(book)s and body ->> 'type' = 'fill'
                ) as entries
                full join (select * from ledger.fills where book_id = %(book)s) as fills using (entry_no)
            where (fill_id::text, bot_id, exchange, symbol, side, qty, price, fee, fee_currency, realized_pnl)
                is distinct from (body ->> 'fill_id', body ->> 'bot_id', body ->> 'exchange', body ->> 'symbol',
                    body ->> 'side', (body ->> 'qty')::numeric, (body ->> 'price')::numeric,
                    (body ->> 'fee')::numeric, body ->> 'fee_currency', (body ->> 'realized_pnl')::numeric)
            order by entry_no limit 100""",
            {"book": book_id},
        ):
            yield f"the fill of entry {number} is not what the entry states"
