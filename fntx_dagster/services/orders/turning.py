"""Turns of paper orders. Those that wait for one book at the same time follow each other on what this process keeps of
the book, without a lock and without a reading, and are stored together, if the book's version is the one that was kept.

Each order has gates, entries and an answer of its own, and sees what those before it did. None is answered before the
commit that holds it. What cannot be taken so is given the book, and reads it under its lock: an order for which too
little is kept, the first of those that another process came before, or whose keys have answers.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from threading import Lock
from typing import Any, Generic, TypeVar

from fntx_dagster.services.orders import waiting
from fntx_dagster.services.orders.desks import Desk
from fntx_dagster.services.orders.turn import Turn, begun
from fntx_dagster.services.orders.waiting import BookLine, Start, in_thread, line_of
from fntx_dagster.services.orders.warm import WarmBook
from fntx_dagster.store.ledger.books import About, Stored

T = TypeVar("T")
_MOST_ORDERS = 16
_MOST_LOTS = 64


def taken(desk: Desk, user_id: str, about: About, do: Callable[[Turn], T]) -> T:
    """What `do` returns of a turn on the user's paper book, about an order; this thread waits for it.

    Raises Transient where the book's lock or the database is not to be had in time.
    """
    order = OrderInLine(desk, user_id, about, do)
    answered, works = Lock(), list[Callable[[], None]]()
    answered.acquire()
    try:
        order.enter(answered.release, works.append)
        for work in works:
            work()
        if not answered.acquire(timeout=waiting.WAIT_SECONDS):
            if order.withdraw():
                raise waiting.kept_busy()
            answered.acquire()
    except BaseException:
        order.abandon()
        raise
    return order.result()


class OrderInLine(Generic[T]):
    """An order on its way through its book: `do` is its turn, which may be taken several times and is stored once."""

    def __init__(self, desk: Desk, user_id: str, about: About, do: Callable[[Turn], T]) -> None:
        self.desk, self.user_id, self.about, self.do = desk, user_id, about, do
        self.reads = False
        self._line = line_of(desk.db.url, user_id, True)
        self._answered: Callable[[], object] = lambda: None
        self._reply: T | Exception | None = None
        self._book: deque[BookLine] = deque(maxlen=1)
        self._gone = False

    def enter(self, answered: Callable[[], object], start: Start = in_thread) -> None:
        """Wait for the book. `answered` is called once, from any thread, when there is a `result`."""
        self._answered = answered
        self._line.enter(self, start)

    def withdraw(self) -> bool:
        """Wait no longer; False where the order has been taken, and there will be a result."""
        return self._line.withdraw(self)

    @property
    def waits(self) -> bool:
        """Whether the result waits for the database."""
        return bool(self._book)

    def result(self) -> T:
        """What `do` returned, once the turn is stored. Raises Transient where the book's lock or the database is not to
        be had in time."""
        if self._book:
            book = self._book.pop()
            try:
                return self._read()
            finally:
                book.leave()
        if isinstance(self._reply, Exception):
            raise self._reply
        return self._reply  # pyright: ignore[reportReturnType]  # it has been answered, and T may be None

    def abandon(self) -> None:
        """Nobody asks for the result any more."""
        self._gone = True
        if not self.withdraw():
            self._leave()

    # what a line, and the storing, say

    def lead(self, line: BookLine, start: Start) -> None:
        orders: list[OrderInLine[Any]] = [self]
        while line.waiting and len(orders) < _MOST_ORDERS:
            try:
                following = line.waiting.popleft()
            except IndexError:  # withdrawn just now
                break
            if not isinstance(following, OrderInLine) or following.desk is not self.desk:
                line.waiting.appendleft(following)
                break
            orders.append(following)
        kept = None if self.reads else self.desk.warm.take(self.user_id)
        try:
            group = OrderGroup.of(line, orders, kept) if kept else None
        except Exception:  # as of one turn
            group = None
        line.waiting.extendleft(reversed(orders[len(group.orders) if group else 1 :]))
        if group:
            self.desk.writer.add(group, start)
        else:
            self.give(line)

    def answer(self, reply: T | Exception) -> None:
        self._reply = reply
        self._tell()

    def give(self, book: BookLine) -> None:
        """Let the order have the book and read it."""
        self._book.append(book)
        if self._gone:
            self._leave()
        else:
            self._tell()

    def _tell(self) -> None:
        try:
            self._answered()
        except RuntimeError:  # the loop of who asked is closed
            self.abandon()

    def _leave(self) -> None:
        try:
            book = self._book.pop()
        except IndexError:
            return
        book.leave()

    def _read(self) -> T:
        desk = self.desk
        with desk.db.connect() as connection:
            at = begun(desk, connection, self.user_id, True, self.about)
            done = self.do(at)
            version = at.store()
        if version and (left := _left(at)):
            desk.warm.keep(self.user_id, WarmBook(left._replace(version=version), at.key.bot_id, at.day, at.now))
        return done


class OrderGroup:
    """Orders of one book whose turns are taken and are to be stored; `left`: the book as they leave it, None where it
    cannot be kept."""

    def __init__(
        self, line: BookLine, orders: list[OrderInLine[Any]], replies: list[Any], left: WarmBook | None, at: Turn
    ) -> None:
        self.orders = orders
        self.rows = at.rows(at.stored.version)
        self._line, self._replies, self._left = line, replies, left

    @classmethod
    def of(cls, line: BookLine, orders: list[OrderInLine[Any]], kept: WarmBook) -> OrderGroup | None:
        """The first of these orders, as many as can follow each other on what is kept; None where not even one can."""
        before = kept.copy() if len(orders) > 1 else None
        at, left, replies, keys = None, kept, [], set[str | None]()
        for order in orders:
            about = order.about
            if left is None or not left.serves(about):
                break
            if about.idempotency_key in keys:  # it will have an answer
                order.reads = True
                break
            try:
                at = Turn(order.desk, None, left.at(about), about, after=at)
                reply = order.do(at)
            except Exception:  # whatever it is, it is met again by the order alone, which reads the book
                order.reads = True
                return cls.of(line, orders[: len(replies)], before) if replies and before else None
            replies.append(reply)
            keys.add(about.idempotency_key)
            stored = _left(at)
            left = left.left(stored, about) if stored else None
        if at is None or not at.touched:
            return None
        return cls(line, orders[: len(replies)], replies, left, at)

    def stored(self, version: str | Exception | None) -> None:
        if version is None:
            first, *others = self.orders
            self._line.waiting.extendleft(reversed(others))
            first.give(self._line)
            return
        first = self.orders[0]
        if isinstance(version, str) and self._left:
            first.desk.warm.keep(first.user_id, self._left.of_version(version))
        for order, reply in zip(self.orders, self._replies, strict=True):
            order.answer(version if isinstance(version, Exception) else reply)
        self._line.leave()


def _left(at: Turn) -> Stored | None:
    """The book as the turn leaves it. None where the next one has to read more: a book that was read whole is valued
    first, and what rests, or a trip, is not of this bot alone."""
    stored, written = at.stored, at.changes
    if stored.only is None or at.resting or written.trips or not (written.entries or written.quote_history):
        return None
    usage = stored.usage
    if at.approved:
        usage = usage._replace(bot_today=usage.bot_today + 1, user_today=usage.user_today + 1)
        insort(stored.approved, at.now)
    lots = at.lots.known(at.key)[:_MOST_LOTS]
    at.book.lots.clear()
    return stored._replace(
        head=at.head,
        first_day=at.first_day,
        resting=[],
        usage=usage,
        reducing=Decimal(0),  # of the bot, in the symbol, where nothing rests
        answer=None,
        lots=lots,
    )
