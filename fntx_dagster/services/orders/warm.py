"""Paper books that this process keeps as an order left them, so that the next order of the same bot in the same symbol
reads nothing.

What is kept counts while the book's row has the version that the order left; the statement that stores the next one
asks for it. Whoever takes a book has it alone: what fails leaves nothing here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict, defaultdict
from copy import copy
from dataclasses import replace
from datetime import date, datetime, timedelta
from threading import Lock
from typing import NamedTuple

from fntx_dagster.store.ledger.books import About, Stored, in_burst

_OVERTAKEN = timedelta(seconds=10)
"""Orders wait for the book so long at most: one of an earlier moment may come after one of a later."""
_MOST = 500
"""Books that are kept; the one that was used longest ago goes first."""


class WarmBook(NamedTuple):
    """A book as it is stored now. It is good for orders of `bot_id` in the symbol `stored.only`, of the trading day,
    and not before `since`: what a later moment reads is here, what only an earlier one does may be not."""

    stored: Stored
    bot_id: str
    day: date
    since: datetime

    def serves(self, about: About) -> bool:
        same = (about.bot_id, about.day, (about.exchange, about.symbol)) == (self.bot_id, self.day, self.stored.only)
        return same and about.now >= self.since

    def at(self, about: About) -> Stored:
        """The book as a turn about this would read it, but for the answer of the key."""
        return self.stored._replace(usage=self.stored.usage._replace(burst=in_burst(self.stored.approved, about)))

    def left(self, stored: Stored, about: About) -> WarmBook:
        """After a turn about this. What is too old for every order that may come is forgotten."""
        assert about.burst_since is not None  # an order's
        del stored.approved[: bisect_right(stored.approved, about.burst_since - _OVERTAKEN)]
        return self._replace(stored=stored, since=max(self.since, about.now - _OVERTAKEN))

    def of_version(self, version: str) -> WarmBook:
        """The same book, once it is stored."""
        return self._replace(stored=self.stored._replace(version=version))

    def copy(self) -> WarmBook:
        """A book that turns on this one do not change."""
        stored, book = self.stored, self.stored.book
        errors = defaultdict(list, {bot_id: [*moments] for bot_id, moments in book.errors.items()})
        own = replace(book, errors=errors, **{name: copy(getattr(book, name)) for name in _DICTIONARIES})
        return self._replace(stored=stored._replace(book=own, taken={**stored.taken}, approved=[*stored.approved]))


_DICTIONARIES = ("balances", "fees", "positions", "lots", "figures", "funds", "quotes", "elsewhere")
"""Of a book; their values never change, and the lots are not in one that is kept."""


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
