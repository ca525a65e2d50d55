"""What a book holds already of what comes again: fills by their trade id, rows of statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.ledger.positions import Key
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.store.ledger.appending import StatementRow
from fntx_dagster.store.queries import one_value

TradeName = tuple[str, str, str]
"""Exchange, symbol and trade id: what names a fill."""


class PostedFill(NamedTuple):
    """A fill that is in a book: the entry, its order, whose it is, and what it was."""

    entry_no: int
    order_id: str | None
    key: Key
    execution: OrderFill


def fills(connection: psycopg.Connection, book_id: int, trade_ids: Collection[str]) -> dict[TradeName, PostedFill]:
    """The fills with these trade ids; where one was corrected, the newest."""
    rows = connection.execute(
        f"{_FILLS} where book_id = %s and exchange_trade_id = any (%s) order by entry_no",
        (book_id, list(trade_ids)),
    )
    found = [_fill(*row) for row in rows]
    return {(fill.key.exchange, fill.key.symbol, fill.execution.trade_id): fill for fill in found}


def executed(connection: psycopg.Connection, book_id: int, exchange: str) -> dict[int, PostedFill]:
    """Entry → the fill, of those at an exchange that an execution brought: no statement posted it, or one did in the
    place of an execution's, which its entry says (`executed`)."""
    rows = connection.execute(
        f"""{_FILLS} where book_id = %s and exchange = %s
            and (not exists (select from ledger.statement_entries as rows
                    where rows.book_id = fills.book_id and rows.entry_no = fills.entry_no)
                or exists (select from ledger.entries
                    where entries.book_id = fills.book_id and entries.entry_no = fills.entry_no
                        and body ? 'executed'))""",
        (book_id, exchange),
    )
    return {fill.entry_no: fill for fill in (_fill(*row) for row in rows)}


def unclaimed(connection: psycopg.Connection, book_id: int, exchange: str) -> Sequence[PostedFill]:
    """The fills at an exchange that no row of a statement has confirmed or booked, and nothing reversed, in order."""
    rows = connection.execute(
        f"""{_FILLS} where book_id = %s and exchange = %s
            and not exists (select from ledger.statement_entries as rows
                where rows.book_id = fills.book_id and rows.money_no = fills.entry_no)
            and not exists (select from ledger.reversals
                where reversals.book_id = fills.book_id and reversals.reversed_no = fills.entry_no)
        order by entry_no""",
        (book_id, exchange),
    )
    return [_fill(*row) for row in rows]


def newest(connection: psycopg.Connection, book_id: int) -> datetime | None:
    """When the last fill of a book was executed."""
    return one_value(connection.execute("select max(executed_at) from ledger.fills where book_id = %s", (book_id,)))


def statement_rows(connection: psycopg.Connection, book_id: int) -> dict[str, StatementRow]:
    """A row of a statement, by its name → how it was booked last; a digest of '' says that it was taken back."""
    rows = connection.execute(
        """select distinct on (source) entry_no, source, digest, money_no from ledger.statement_entries
        where book_id = %s order by source, entry_no desc""",
        (book_id,),
    )
    found = [StatementRow._make(row) for row in rows]
    return {row.source: row for row in found}


def rows_of(connection: psycopg.Connection, book_id: int, money_no: int) -> Sequence[StatementRow]:
    """The rows of a statement that an entry books or is confirmed by."""
    rows = connection.execute(
        """select entry_no, source, digest, money_no from ledger.statement_entries
        where (book_id, money_no) = (%s, %s)""",
        (book_id, money_no),
    )
    return [StatementRow._make(row) for row in rows]


def _fill(entry_no: int, order_id: str | None, bot_id: str, exchange: str, symbol: str, *of: object) -> PostedFill:
    return PostedFill(entry_no, order_id, Key(bot_id, exchange, symbol), OrderFill._make(of))


_FILLS = """
    select entry_no, order_id::text, bot_id, exchange, symbol, exchange_trade_id, side, qty, price, fee, fee_currency,
        liquidity, executed_at
    from ledger.fills
"""
