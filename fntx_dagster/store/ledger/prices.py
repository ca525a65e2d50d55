"""The prices of exchanges: the newest of each symbol, which orders are judged by, and the last of each minute; and
which symbols live books need prices of.

What is kept here was checked before: the price feed holds back what jumps.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.ledger.feed import HeldPrice
from fntx_dagster.ledger.market import Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import books


class FeedPrice(NamedTuple):
    """The newest price of a symbol at an exchange: `quote.at` is the exchange's moment where it gives one,
    `received_at` ours; `source`: how it came; `held`: a later price that is held back because it jumped."""

    exchange: str
    symbol: str
    source: str
    quote: Quote
    received_at: datetime
    held: HeldPrice | None = None


class WantedPrice(NamedTuple):
    """A symbol that a live book needs prices of: because it holds the symbol (`is_held`), an order asked for it lately,
    or it is one of the two ways to say the rate of a currency that the book holds (`is_rate`)."""

    book_id: int
    user_id: str
    exchange: str
    symbol: str
    is_held: bool
    is_rate: bool = False

    @property
    def name(self) -> Symbol:
        return self.exchange, self.symbol


def keep(db: Database, source: str, exchange: str, symbol: str, quote: Quote, received_at: datetime) -> bool:
    """Keep a valid quote as the newest price of its symbol; the one before it goes to the history where it was the last
    of its minute. An older quote than the newest changes nothing, and False is returned."""
    whose = {"exchange": exchange, "symbol": symbol, "source": source}
    with db.connect() as connection:
        books.begin(connection)
        return bool(connection.execute(_KEEP, whose | quote._asdict() | {"received_at": received_at}).rowcount)


def hold(db: Database, exchange: str, symbol: str, held: HeldPrice) -> None:
    """Note a price that is held back; the one before it stays the newest."""
    with db.connect() as connection:
        books.begin(connection)
        connection.execute(
            """update ledger.prices set held_bid = %s, held_ask = %s, held_since = %s
            where exchange = %s and symbol = %s""",
            (*held, exchange, symbol),
        )


def newest(db: Readable, symbols: Iterable[Symbol] | None = None) -> dict[Symbol, FeedPrice]:
    """The newest price of each of these symbols that has one; of all symbols without an argument."""
    asked = None if symbols is None else list(symbols)
    with db.connect() as connection:
        rows = connection.execute(
            """select exchange, symbol, source, bid, ask, bid_size, ask_size, at, received_at, held_bid, held_ask,
                held_since
            from ledger.prices
            where %(exchanges)s::text[] is null or (exchange, symbol) in (
                select * from unnest(%(exchanges)s::text[], %(symbols)s::text[]))
            order by exchange, symbol""",
            {
                "exchanges": None if asked is None else [exchange for exchange, _ in asked],
                "symbols": None if asked is None else [symbol for _, symbol in asked],
            },
        )
        return {
            (exchange, symbol): FeedPrice(
                exchange,
                symbol,
                source,
                Quote(bid, ask, bid_size, ask_size, at),
                received_at,
                HeldPrice(*held) if held[0] is not None else None,
            )
            for exchange, symbol, source, bid, ask, bid_size, ask_size, at, received_at, *held in rows
        }


def wanted(db: Readable, since: datetime) -> list[WantedPrice]:
    """What live books need prices of: what they hold at exchanges that they send orders to, what their orders since
    then, and those that move, are about, newest first; and both ways to say a rate of a currency that they hold."""
    with db.connect() as connection:
        return [WantedPrice._make(row) for row in connection.execute(_WANTED, {"since": since})]


_KEEP = """
    with former as (
        insert into ledger.price_history (exchange, symbol, minute, source, bid, ask, bid_size, ask_size, at,
            received_at)
        select exchange, symbol, date_trunc('minute', at), source, bid, ask, bid_size, ask_size, at, received_at
        from ledger.prices
        where exchange = %(exchange)s and symbol = %(symbol)s
            and date_trunc('minute', at) < date_trunc('minute', %(at)s::timestamptz)
        on conflict do nothing
    )
    insert into ledger.prices as known (exchange, symbol, source, bid, ask, bid_size, ask_size, at, received_at)
    values (%(exchange)s, %(symbol)s, %(source)s, %(bid)s, %(ask)s, %(bid_size)s, %(ask_size)s, %(at)s, %(received_at)s)
    on conflict (exchange, symbol) do update set source = excluded.source, bid = excluded.bid, ask = excluded.ask,
        bid_size = excluded.bid_size, ask_size = excluded.ask_size, at = excluded.at,
        received_at = excluded.received_at, held_bid = null, held_ask = null, held_since = null
        where known.at <= excluded.at
"""
_WANTED = """
    with live as (select book_id, user_id, currency from ledger.books where not is_paper),
    held as (
        select distinct book_id, exchange, symbol from ledger.positions as p join live using (book_id)
        where quantity <> 0 and exists (
            select from ledger.orders as o
            where o.book_id = p.book_id and o.exchange = p.exchange and approved_at is not null)
    ),
    asked as (
        select book_id, exchange, symbol, max(created_at) as asked_at
        from ledger.orders join live using (book_id)
        where created_at > %(since)s
            or state in ('approved', 'submitting', 'open', 'partially_filled', 'unknown')
        group by book_id, exchange, symbol
    ),
    markets as (select book_id, exchange, symbol from held union select book_id, exchange, symbol from asked),
    currencies as (
        select book_id, b.currency as other, live.currency from ledger.balances as b join live using (book_id)
        where amount <> 0
        union select book_id, split_part(symbol, '/', 2), currency from held join live using (book_id)
    ),
    rates as (
        select distinct book_id, exchange, pair as symbol
        from currencies join (select distinct book_id, exchange from markets) as reached using (book_id)
            cross join lateral (values (other || '/' || currency), (currency || '/' || other)) as pairs (pair)
        where other <> currency
    ),
    needed as (
        select *, 0 as rank, null::timestamptz as asked_at from held
        union all select book_id, exchange, symbol, 1, null from rates
        union all select book_id, exchange, symbol, 2, asked_at from asked
    )
    select book_id, user_id, exchange, symbol, min(rank) = 0, bool_or(rank = 1)
    from needed join live using (book_id)
    group by book_id, user_id, exchange, symbol
    order by min(rank), max(asked_at) desc nulls last, exchange, symbol, book_id
"""
