"""The watcher: what has to happen to live books and open signals without anybody asking, in a loop beside the API or
alone.

One process at a time over all that share the database: it holds a lock that PostgreSQL gives to the next one when it
dies. Each task has its own thread and pace, and fails alone; its heartbeat says when it last worked, and what went
wrong.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import NamedTuple

from fntx_dagster.errors import FntxError, Transient, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.services.orders.accounts import market_at
from fntx_dagster.services.orders.alarms import Alarms
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.sweeping import sweep
from fntx_dagster.services.orders.prices import Feed
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.elsewhere import follow_entries
from fntx_dagster.services.signals.stops import Stops
from fntx_dagster.settings import Settings
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.ledger import watch

_LOCK = "the watcher of the ledger"
_LOOK_SECONDS = 1
_WAIT_SECONDS = 3
"""Between two looks whether the lock is free."""
_ALARM_SECONDS, _SWEEP_SECONDS, _FOLLOW_SECONDS, _STOP_SECONDS = 5, 2, 3, 1
_END_SECONDS = 5
_LONGEST_PROBLEM = 500

_log = logging.getLogger(__name__)


class Task(NamedTuple):
    """Something to be done again and again, `seconds` after it was done last."""

    name: str
    seconds: float
    work: Callable[[], object]


class Watcher:
    """The tasks of one process; they run while it holds the lock."""

    def __init__(self, desk: Desk, tasks: Callable[[Watcher], Sequence[Task]]) -> None:
        self.holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._desk = desk
        self._tasks = tasks(self)
        self._said: dict[str, str | None] = {}

    def run(self, ending: threading.Event) -> None:
        """Work until `ending` is set: wait for the lock, then do the tasks for as long as it is held."""
        lock = AdvisoryLock(self._desk.db.url, _LOCK)
        try:
            while not ending.is_set():
                if self._is_ours(lock):
                    self._work(lock, ending)
                ending.wait(_WAIT_SECONDS)
        finally:
            lock.release()

    def note(self, task: str, problem: str | None) -> None:
        """Note that a task has worked, and what went wrong; a new problem is logged."""
        shown = problem and cleaned(without_accounts(problem), _LONGEST_PROBLEM)
        if shown and shown != self._said.get(task):
            _log.warning("%s: %s", task, shown)
        self._said[task] = shown
        with suppress(Transient):  # the database is away: the old heartbeat says so
            watch.beat(self._desk.db, task, self.holder, self._desk.clock(), shown)

    def _is_ours(self, lock: AdvisoryLock) -> bool:
        try:
            return lock.take()
        except Transient as error:
            _log.warning("%s", error)
            return False

    def _work(self, lock: AdvisoryLock, ending: threading.Event) -> None:
        stopped = threading.Event()
        threads = [
            threading.Thread(target=self._repeat, args=(task, stopped), name=f"fntx {task.name}", daemon=True)
            for task in self._tasks
        ]
        for thread in threads:
            thread.start()
        while not ending.wait(_LOOK_SECONDS) and lock.holds():
            pass
        stopped.set()
        for thread in threads:
            # what waits for an exchange may take longer: another process may go on, and this one ends without it
            thread.join(_END_SECONDS if ending.is_set() else None)

    def _repeat(self, task: Task, stopped: threading.Event) -> None:
        while not stopped.is_set():
            self.note(task.name, self._once(task))
            stopped.wait(task.seconds)

    def _once(self, task: Task) -> str | None:
        try:
            task.work()
        except FntxError as error:
            return str(error)
        except Exception as error:  # of one task: the others go on, and it is tried again
            _log.exception("%s failed", task.name)
            return type(error).__name__
        return None


def watcher_of(settings: Settings, desk: Desk) -> Watcher:
    """The watcher of the settings' exchanges and destinations of alerts."""
    orders = settings.orders

    def tasks(watcher: Watcher) -> list[Task]:
        stops = Stops(desk)
        feed = Feed(desk, partial(market_at, settings), watcher.note, stops.symbols)
        of_all = [
            Task("prices", orders.price_seconds, partial(feed.poll, orders.price_seconds)),
            Task("stops", _STOP_SECONDS, stops.look),
            Task("alerts", _ALARM_SECONDS, Alarms(settings, desk).look),
        ]
        of_accounts = [
            Task("unknown orders", _SWEEP_SECONDS, partial(sweep, desk)),
            Task("orders that rest", _FOLLOW_SECONDS, partial(follow, desk)),
            Task("shares of live signals", _FOLLOW_SECONDS, partial(follow_entries, desk)),
        ]
        return of_all + of_accounts if desk.live else of_all

    return Watcher(desk, tasks)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """The watcher in a thread of this process, for as long as what is inside."""
    ending = threading.Event()
    thread = threading.Thread(target=watcher.run, args=(ending,), name="fntx watcher", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(2 * _END_SECONDS)
