"""The prices of exchanges: the newest of each symbol, which orders are judged by, and the last of each minute.

What is kept here was checked before: the price feed holds back what it cannot believe.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from fntx_dagster.ledger.market import Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import books


class FeedPrice(NamedTuple):
    """The newest price of a symbol at an exchange: `quote.at` is the exchange's moment where it tells one,
    `received_at` ours; `source`: how it came."""

    exchange: str
    symbol: str
    source: str
    quote: Quote
    received_at: datetime


def keep(db: Database, source: str, exchange: str, symbol: str, quote: Quote, received_at: datetime) -> bool:
    """Keep a valid quote as the newest price of its symbol; the one before it goes to the history where it was the last
    of its minute. An older quote than the newest changes nothing, and False is returned."""
    whose = {"exchange": exchange, "symbol": symbol, "source": source}
    with db.connect() as connection:
        books.begin(connection)
        return bool(connection.execute(_KEEP, whose | quote._asdict() | {"received_at": received_at}).rowcount)


def newest(db: Readable, symbols: Iterable[Symbol] | None = None) -> dict[Symbol, FeedPrice]:
    """The newest price of each of these symbols that has one; of all symbols without an argument."""
    asked = None if symbols is None else list(symbols)
    with db.connect() as connection:
        rows = connection.execute(
            """select exchange, symbol, source, bid, ask, bid_size, ask_size, at, received_at from ledger.prices
            where %(exchanges)s::text[] is null or (exchange, symbol) in (
                select * from unnest(%(exchanges)s::text[], %(symbols)s::text[]))
            order by exchange, symbol""",
            {
                "exchanges": None if asked is None else [exchange for exchange, _ in asked],
                "symbols": None if asked is None else [symbol for _, symbol in asked],
            },
        )
        return {
            (exchange, symbol): FeedPrice(exchange, symbol, source, Quote._make(quote), received_at)
            for exchange, symbol, source, *quote, received_at in rows
        }


def last_before(db: Readable, exchange: str, symbol: str, before: datetime) -> Quote | None:
    """The last price of a symbol before a moment, such as the end of a day, as of the minute before it; None where the
    history does not reach back to it."""
    with db.connect() as connection:
        row = connection.execute(
            """select bid, ask, bid_size, ask_size, at from (
                    select exchange, symbol, bid, ask, bid_size, ask_size, at from ledger.price_history
                    union all select exchange, symbol, bid, ask, bid_size, ask_size, at from ledger.prices
                ) as known
            where exchange = %s and symbol = %s and at < %s order by at desc limit 1""",
            (exchange, symbol, before),
        ).fetchone()
        return Quote._make(row) if row else None


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
