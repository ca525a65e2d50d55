"""Books that a benchmark asks for: many bots and symbols, or many fills."""

from __future__ import annotations

import json

from bots import Bot, funded, sent

from fntx_dagster.ledger.entries import Head
from fntx_dagster.services.orders import requests
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books
from fntx_dagster.store.queries import one_row

_DAYS = 30


def busy(desk: Desk, user: str, bots: int, symbols: int) -> Bot:
    """A book in which each bot has capital of its own and each symbol is held; one of its bots."""
    bot = funded(desk, user)
    for number in range(bots):
        body = {"amount": "1000000", "bot_id": f"bot{number}", "type": "allocation"}
        fund(desk, user, requests.funding(json.dumps(body).encode(), None), desk.clock())
    for number in range(max(bots, symbols)):
        sent(desk, bot._replace(bot_id=f"bot{number % bots}", symbol=f"S{number % symbols}/USDT"), 0)
    return bot._replace(bot_id="bot0", symbol="S0/USDT")


def long(desk: Desk, user: str, fills: int) -> Bot:
    """A book with so many fills over 30 days, which are not chained. Its figures are those of its first two fills: what
    reads them costs the same whatever they say."""
    bot = funded(desk, user)
    for number in range(2):
        sent(desk, bot, number)
    book = books.book_of(desk.db, user, True)
    with desk.db.connect() as connection:
        head = Head(
            *one_row(connection.execute("select head_no, head_hash from ledger.books where book_id = %s", (book,)))
        )
        [body] = one_row(
            connection.execute(
                "select body from ledger.entries where book_id = %s and entry_no = %s", (book, head.entry_no)
            )
        )
        given = {"book": book, "last": head.entry_no, "fills": fills, "days": _DAYS, "body": json.dumps(body)}
        connection.execute(
            """insert into ledger.entries (book_id, entry_no, body, prev_hash, hash)
            select %(book)s, no, %(body)s, '', ''
            from generate_series(%(last)s + 1, %(last)s + %(fills)s) as no""",
            given,
        )
        connection.execute(
            """insert into ledger.fills
            select gen_random_uuid(), book_id, no, null, bot_id, exchange, symbol, side, qty, price, fee, fee_currency,
                liquidity, executed_at - no %% %(days)s * interval '1 day', realized_pnl, 't' || no
            from ledger.fills, generate_series(%(last)s + 1, %(last)s + %(fills)s) as no
            where book_id = %(book)s and entry_no = %(last)s""",
            given,
        )
        connection.execute(
            """insert into ledger.days
            select book_id, day - back, trades, fees, volume, realized, flows, equity, units
            from ledger.days, generate_series(1, %(days)s) as back where book_id = %(book)s""",
            given,
        )
        connection.commit()
        connection.autocommit = True
        connection.execute("vacuum (analyze) ledger.fills, ledger.entries")
    return bot
