"""Who waits for a book waits here, before it takes a connection: a busy book leaves the pool's connections to others.

This orders the turns of one process; the lock of the book's row, or its version, orders those of all. Threads wait to
be `alone`; paper orders wait in the line, and whoever leaves the book begins to take them (`turning.py`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import Protocol
from weakref import WeakValueDictionary

from fntx_dagster.errors import Transient

WAIT_SECONDS = 10.0

Start = Callable[[Callable[[], None]], object]
"""How work begins that waits for the database: in another thread, or later in this one."""


def in_thread(work: Callable[[], None]) -> None:
    """Begin work in a thread that nobody waits for."""
    try:
        _threads.submit(work)
    except RuntimeError:  # the interpreter is about to end, and begins no more of them
        work()


class InLine(Protocol):
    """Who waits in a book's line."""

    def lead(self, line: BookLine, start: Start) -> None:
        """Take the book, and others of the line with it, and see to it that somebody leaves the book."""
        ...


class BookLine:
    """One book's lock in this process, and who waits for it."""

    def __init__(self) -> None:
        self.waiting: deque[InLine] = deque()
        self._lock = Lock()
        self._threads = 0
        self._count = Lock()

    def enter(self, order: InLine, start: Start) -> None:
        """Wait in the line; the order is led, or taken along, from here or from another thread."""
        self.waiting.append(order)
        self._serve(start)

    def withdraw(self, order: InLine) -> bool:
        """Wait no longer; False where the order has been taken."""
        try:
            self.waiting.remove(order)
        except ValueError:
            return False
        return True

    def acquire(self) -> None:
        """Have the book to oneself. Raises Transient after 10 seconds of waiting."""
        self._add(1)
        try:
            has_it = self._lock.acquire(timeout=WAIT_SECONDS)
        finally:
            self._add(-1)
        if not has_it:
            self._serve(in_thread)  # whoever left the book while this thread waited left the line to it
            raise kept_busy()

    def leave(self) -> None:
        """Leave the book to whoever is next: a thread before the line, which might never end for it."""
        self._lock.release()
        self._serve(in_thread)

    def _add(self, threads: int) -> None:
        with self._count:
            self._threads += threads

    def _serve(self, start: Start) -> None:
        while self.waiting and not self._threads and self._lock.acquire(blocking=False):
            try:
                first = self.waiting.popleft()
            except IndexError:  # withdrawn just now
                self._lock.release()
                continue
            first.lead(self, start)
            return


_MOST_THREADS = 16
_threads = ThreadPoolExecutor(_MOST_THREADS, "fntx-orders")
_guard = Lock()
_books: WeakValueDictionary[tuple[str, str, bool], BookLine] = WeakValueDictionary()
"""Database URL, user, whether it is the paper book → its line, as long as somebody uses it."""


def line_of(url: str, user_id: str, is_paper: bool) -> BookLine:
    """The line of a book in this process."""
    with _guard:
        return _books.setdefault((url, user_id, is_paper), BookLine())


@contextmanager
def alone(url: str, user_id: str, is_paper: bool) -> Iterator[None]:
    """Be the only one of this process who changes the book. Raises Transient after 10 seconds of waiting."""
    line = line_of(url, user_id, is_paper)
    line.acquire()
    try:
        yield
    finally:
        line.leave()


def kept_busy() -> Transient:
    """The book was not to be had in time."""
    return Transient("others change the book all the time", "Try again in a moment")


def _forget() -> None:
    """A child has none of its parent's threads."""
    global _threads, _guard
    _threads, _guard = ThreadPoolExecutor(_MOST_THREADS, "fntx-orders"), Lock()
    _books.clear()


os.register_at_fork(after_in_child=_forget)
