"""The lots of a turn: the oldest of each position, as many as its fills close."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from fntx_dagster.ledger.book import Book
from fntx_dagster.ledger.exact import exact
from fntx_dagster.ledger.positions import Key, OpenLot, Position
from fntx_dagster.model.orders import OrderFill
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import Stored


def are_all(lots: Iterable[OpenLot], book: Book, key: Key) -> bool:
    """Whether these are all lots of a position."""
    return sum((abs(lot.quantity) for lot in lots), exact(0)) == abs(book.positions.get(key, Position()).quantity)


class TurnLots:
    """The lots of a book that is stored; `key`: whose the lots are that were read with it."""

    def __init__(self, stored: Stored, key: Key) -> None:
        self._stored = stored
        self._book = stored.book
        self._held = {*stored.book.positions}
        self._last: dict[Key, int] = {}
        self._whole = key if are_all(stored.lots, stored.book, key) else None
        if stored.lots:
            self._book.lots[key] = deque(stored.lots)
            self._last[key] = stored.lots[-1].entry_no

    def wanted(self, key: Key, execution: OrderFill) -> Fraction:
        """What has to be read before a fill: it closes its quantity, and a fee that is taken in the base currency."""
        held = self._book.positions.get(key, Position()).quantity
        if key == self._whole or key not in self._held:
            return exact(0)
        if held * exact(execution.signed) >= 0 and execution.fee_currency != key.symbol.partition("/")[0]:
            return exact(0)
        wanted = exact(execution.quantity) + exact(execution.fee)
        return max(wanted - sum((abs(lot.quantity) for lot in self._old(key)), exact(0)), exact(0))

    def read(self, connection: Any, key: Key, wanted: Fraction) -> None:
        """Read more lots of a position, as many as hold this."""
        last = self._last.get(key, -1)
        more = books.read_lots(connection, self._stored.book_id, key, wanted, last)
        self._last[key] = more[-1].entry_no if more else last
        old, lots = self._old(key), self._book.lots[key]
        self._book.lots[key] = deque([*old, *more, *[lot for lot in lots if lot not in old]])

    def known(self, key: Key) -> list[OpenLot]:
        """The oldest lots of a position as they are now, as far as none between them is unknown."""
        lots, last = [*self._book.lots[key]], self._last.get(key)
        if are_all(lots, self._book, key):
            return lots
        places = [place for place, lot in enumerate(lots, 1) if lot.entry_no == last]
        return lots[: places[0]] if places else []

    def _old(self, key: Key) -> list[OpenLot]:
        return [lot for lot in self._book.lots[key] if lot.entry_no <= self._stored.head.entry_no]
