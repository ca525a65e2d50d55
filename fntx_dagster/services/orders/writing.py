"""Who stores what turns changed in books: all that is ready at once, in one statement and one commit.

Nobody waits for company: what is ready is stored when the storing before it has ended, so under load books share a
commit, and an order that comes alone is stored at once.
"""

from __future__ import annotations

import logging
from threading import Lock
from time import monotonic
from typing import Protocol

from fntx_dagster.services.orders.waiting import Start, in_thread
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import changes
from fntx_dagster.store.ledger.changes import BookRows

_log = logging.getLogger(__name__)
_MOST_BOOKS = 32
_SLOW_SECONDS, _MOST_AT_ONCE = 0.004, 4
"""What is stored for so long waits for a lock or the network: the next need not wait for it, too."""


class ReadyBook(Protocol):
    """A book that waits to be stored."""

    rows: BookRows

    def stored(self, version: str | Exception | None) -> None:
        """Hear what came of it (`changes.write_unlocked`), once."""
        ...


class BookWriter:
    """What is ready to be stored in one database. Threads may add to it at the same time."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._guard = Lock()
        self.ready: list[ReadyBook] = []
        self._writing = 0
        self._since = 0.0

    def add(self, book: ReadyBook, start: Start) -> None:
        """Let a book be stored; where nobody does that now, begin."""
        with self._guard:
            self.ready.append(book)
            if self._writing and (self._writing == _MOST_AT_ONCE or monotonic() - self._since < _SLOW_SECONDS):
                return
            self._writing += 1
            self._since = monotonic()
        start(self._write_first)

    def _write_first(self) -> None:
        """Store what is ready, and leave what came meanwhile to a thread: whoever waits for the first goes on."""
        if self._write():
            in_thread(self._write_all)

    def _write_all(self) -> None:
        while self._write():
            pass

    def _write(self) -> bool:
        """Store what is ready; whether there is more."""
        with self._guard:
            books, self.ready = self.ready[:_MOST_BOOKS], self.ready[_MOST_BOOKS:]
            self._since = monotonic()
        self._store(books)
        with self._guard:
            if not self.ready:
                self._writing -= 1
                return False
            return True

    def _store(self, books: list[ReadyBook]) -> None:
        found: list[str | Exception | None]
        try:
            found = changes.write_unlocked(self._db, [book.rows for book in books]) if books else []
        except Exception as error:
            found = [error] * len(books)
        for book, version in zip(books, found, strict=True):
            try:
                book.stored(version)
            except Exception:
                _log.exception("the outcome of a stored book could not be handed on")
