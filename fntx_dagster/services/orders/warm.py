"""Paper books that this process keeps as an order left them, so that the next order of the same bot in the same symbol
reads nothing.

What is kept counts while the book's row has the version that the order left; the statement that stores the next one
asks for it. Whoever takes a book has it alone: what fails leaves nothing here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from datetime import date, datetime
from threading import Lock
from typing import NamedTuple

from fntx_dagster.store.ledger.books import About, Stored

_MOST = 500
"""Books that are kept; the one that was used longest ago goes first."""


class WarmBook(NamedTuple):
    """A book as it is stored now. It is good for orders of `bot_id` in the symbol `stored.only`, of the trading day,
    and not before `since`: what a later moment reads was read for an earlier one too."""

    stored: Stored
    bot_id: str
    day: date
    since: datetime

    def serves(self, about: About) -> bool:
        same = (about.bot_id, about.day, (about.exchange, about.symbol)) == (self.bot_id, self.day, self.stored.only)
        return same and about.now >= self.since

    def at(self, about: About) -> Stored:
        """The book as a turn about this would read it, but for the answer of the key."""
        approved = self.stored.approved
        assert about.burst_since is not None
        del approved[: bisect_right(approved, about.burst_since)]
        usage = self.stored.usage._replace(burst=bisect_right(approved, about.now))
        return self.stored._replace(usage=usage)


class WarmBooks:
    """User → the paper book."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._books: OrderedDict[str, WarmBook] = OrderedDict()

    def take(self, user_id: str) -> WarmBook | None:
        """The book, which is kept no longer."""
        with self._lock:
            return self._books.pop(user_id, None)

    def keep(self, user_id: str, book: WarmBook) -> None:
        with self._lock:
            self._books[user_id] = book
            if len(self._books) > _MOST:
                self._books.popitem(last=False)
