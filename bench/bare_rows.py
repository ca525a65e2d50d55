"""The rows of orders alone: made beforehand by the gates and the fills, and stored by one connection, each order's by
the statement that stores an order and by a commit of its own. So fast can the orders of one book be stored one by one.
"""

from __future__ import annotations

import time

import psycopg
from bots import Bot, sent

from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.waiting import Start
from fntx_dagster.services.orders.writing import ReadyBook
from fntx_dagster.store import prepared
from fntx_dagster.store.ledger.books import LOCK_WAIT
from fntx_dagster.store.ledger.states import BY_INDEX
from fntx_dagster.store.ledger.storing import statement

_AT_ONCE = 500


class _Noted:
    """In place of who stores books: notes the rows, and says that they are stored."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, frozenset[str]]] = []

    def add(self, book: ReadyBook, start: Start) -> None:
        own = f'"version":"{book.rows.version}"'
        text = book.rows.text.replace(own, '"version":null', 1)  # as of a book that is locked
        self.rows.append((text, book.rows.tables))
        book.stored("1")


def stored_alone(desk: Desk, connection: psycopg.Connection, bot: Bot, seconds: float) -> float:
    """Orders whose rows the connection stores in a second. The bot's user has a book that nobody else changes."""
    lasted, number = 0.0, 0
    while lasted < seconds:
        rows = _made(desk, bot)
        started = time.perf_counter()
        for text, tables in rows:
            store = prepared.Filling(statement(tables, several=False), [f"[{text}]"])
            begin = prepared.Filling(BY_INDEX, [LOCK_WAIT])
            if not prepared.run_alone(connection, begin, store):
                raise RuntimeError("the rows of an order were not stored")
        lasted += time.perf_counter() - started
        number += len(rows)
    return number / lasted


def _made(desk: Desk, bot: Bot) -> list[tuple[str, frozenset[str]]]:
    """The rows of the book's next orders, and of which tables they are."""
    own, noted = Desk(desk.db, desk.rules), _Noted()
    object.__setattr__(own, "writer", noted)
    for number in range(_AT_ONCE + 1):  # the first reads the book, and is stored as it is
        sent(own, bot, number)
    return noted.rows
