"""Who waits for a book waits here, before it takes a connection: a busy book leaves the pool's connections to others.

This orders the turns of one process; the lock of the book's row, which the turn takes then, orders those of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from weakref import WeakValueDictionary

from fntx_dagster.errors import Transient

WAIT_SECONDS = 10.0

_guard = Lock()
_books: WeakValueDictionary[tuple[str, str, bool], Lock] = WeakValueDictionary()
"""Database URL, user, whether it is the paper book → its lock, as long as somebody uses it."""


@contextmanager
def alone(url: str, user_id: str, is_paper: bool) -> Iterator[None]:
    """Be the only one of this process who changes the book. Raises Transient after 10 seconds of waiting."""
    with _guard:
        lock = _books.setdefault((url, user_id, is_paper), Lock())
    if not lock.acquire(timeout=WAIT_SECONDS):
        raise Transient("others change the book all the time", "Try again in a moment")
    try:
        yield
    finally:
        lock.release()
