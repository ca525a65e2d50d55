"""Prices of days that a person gave for a book, and the prices that its days end with: these and the book's quotes."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.ledger.market import Symbol
from fntx_dagster.model.orders import Quote
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import books


class DayPrice(NamedTuple):
    """What one of the base currency of a symbol was worth at an exchange at the end of a day (of UTC), in the quote
    currency, and who says so."""

    exchange: str
    symbol: str
    day: date
    price: Decimal
    source: str


class ClosingPrices(NamedTuple):
    """Of each symbol the price at the end of a day; when it was seen, which of a day's price is the end of its day; and
    the source of a day's price."""

    quotes: dict[Symbol, Quote]
    seen_at: dict[Symbol, datetime]
    sources: dict[Symbol, str]


def add(db: Database, book_id: int, prices: Sequence[DayPrice]) -> int:
    """Keep prices of a book's days; how many are not what was known."""
    columns = [list(column) for column in zip(*prices, strict=True)] or [[]] * len(DayPrice._fields)
    with db.connect() as connection:
        books.begin(connection)
        return connection.execute(_ADD, {"book": book_id, **dict(zip(DayPrice._fields, columns, strict=True))}).rowcount


def closing(db: Readable, book_id: int, first: date, last: date) -> Iterator[tuple[date, ClosingPrices]]:
    """Of the day before `first` and of each day up to `last`: the newest price of each symbol by the end of the day (of
    UTC, its last moment included). A quote that the book took counts before the price that was given of its day."""
    known = ClosingPrices({}, {}, {})
    with db.connect() as connection:
        rows = connection.execute(_CLOSING, {"book": book_id, "before": first - timedelta(days=1), "last": last})
        following = deque(rows)
    for number in range(-1, (last - first).days + 1):
        day = first + timedelta(days=number)
        while following and following[0][0] <= day:
            _, exchange, symbol, *quote, seen_at, source = following.popleft()
            name = exchange, symbol
            known.quotes[name], known.seen_at[name] = Quote._make(quote), seen_at
            known.sources.pop(name, None)
            if source is not None:
                known.sources[name] = source
        yield day, ClosingPrices({**known.quotes}, {**known.seen_at}, {**known.sources})


_ADD = """
    insert into ledger.day_prices (book_id, exchange, symbol, day, price, source)
    select %(book)s, given.*
    from unnest(%(exchange)s::text[], %(symbol)s::text[], %(day)s::date[], %(price)s::numeric[], %(source)s::text[])
        as given (exchange, symbol, day, price, source)
    left join lateral (
        select known.price from ledger.day_prices as known
        where known.book_id = %(book)s
            and (known.exchange, known.symbol, known.day) = (given.exchange, given.symbol, given.day)
        order by price_no desc limit 1
    ) as newest on true
    where newest.price is distinct from given.price
"""
_CLOSING = """
    with known as (
        select day, exchange, symbol, bid, ask, bid_size, ask_size, at, observed_at, null as source, 1 as rank,
            quote_no as number
        from ledger.quote_history
        cross join lateral (
            select ((observed_at - interval '1 microsecond') at time zone 'UTC')::date as day
        ) as observed
        where book_id = %(book)s
        union all
        select day, exchange, symbol, price, price, null, null, ends_at, ends_at, source, 0, price_no
        from ledger.day_prices
        cross join lateral (select (day + 1)::timestamp at time zone 'UTC' as ends_at) as ended
        where book_id = %(book)s
    )
    select distinct on (greatest(day, %(before)s::date), exchange, symbol)
        greatest(day, %(before)s::date), exchange, symbol, bid, ask, bid_size, ask_size, at, observed_at, source
    from known where day <= %(last)s::date
    order by 1, exchange, symbol, day desc, rank desc, observed_at desc, number desc
"""
"""The days before the range count as the day before it."""
