"""The watcher: one process at a time, taken over when it dies; each task alone; an end that is clean."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.services.orders.health import watcher_state
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.watching import Task, Watcher, watcher_of, watching
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import prices, watch
from tests.services.orders.live_books import asked, deposit

_ELSEWHERE = """
import sys, threading
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.watching import Task, Watcher
from fntx_dagster.store.database import Database

def work():
    print("works", flush=True)

Watcher(Desk(Database(sys.argv[1])), lambda _: [Task("counting", 0.05, work)]).run(threading.Event())
"""


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for it, without saying how long it takes."""
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it never came")


@contextmanager
def tasks(database: Database, *of: Task) -> Iterator[Watcher]:
    watcher = Watcher(Desk(database), lambda _: of)
    with watching(watcher):
        yield watcher


@pytest.fixture
def elsewhere(database: Database) -> Iterator[subprocess.Popen[str]]:
    """Another process that watches this database."""
    command = [sys.executable, "-c", _ELSEWHERE, database.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_one_process_watches_and_another_goes_on_where_it_is_killed(
    database: Database, elsewhere: subprocess.Popen[str]
) -> None:
    assert elsewhere.stdout is not None
    assert elsewhere.stdout.readline() == "works\n"
    worked = threading.Event()
    with tasks(database, Task("counting", 0.05, worked.set)) as watcher:
        eventually(lambda: bool(watch.heartbeats(database)))
        [before] = watch.heartbeats(database)
        eventually(lambda: watch.heartbeats(database)[0].beat_at > before.beat_at)
        assert not worked.is_set()
        assert before.holder == f"process {elsewhere.pid} on {watcher.holder.partition(' on ')[2]}"
        elsewhere.kill()
        assert worked.wait(60)
        eventually(lambda: watch.heartbeats(database)[0].holder == watcher.holder)


def test_a_watcher_that_loses_its_lock_stops_its_tasks_and_takes_them_up_again(database: Database) -> None:
    runs: list[str] = []
    with tasks(database, Task("counting", 0.05, lambda: runs.append(threading.current_thread().name))):
        eventually(lambda: bool(runs))
        with database.connect() as connection:
            connection.execute(
                """select pg_terminate_backend(pid) from pg_locks join pg_database on database = pg_database.oid
                where locktype = 'advisory' and datname = current_database()"""
            )
        eventually(lambda: not any(thread.name == "fntx counting" for thread in threading.enumerate()))
        ended = len(runs)
        eventually(lambda: len(runs) > ended)


def test_a_task_that_fails_keeps_no_other_from_its_work_and_its_heartbeat_says_why(database: Database) -> None:
    counted: list[int] = []

    def fail() -> None:
        raise Transient("the exchange is away: account U7654321")

    def fall() -> None:
        raise KeyError("a secret")

    with tasks(database, Task("a", 0.05, fail), Task("b", 0.05, fall), Task("c", 0.05, lambda: counted.append(1))):
        eventually(lambda: len(counted) > 2 and len(watch.heartbeats(database)) == 3)
    a, b, c = watch.heartbeats(database)
    assert (a.problem, a.succeeded_at) == ("the exchange is away: account U…4321", None)
    assert (b.problem, b.succeeded_at) == ("KeyError", None)
    assert (c.problem, c.succeeded_at) == (None, c.beat_at)


def test_a_task_that_succeeds_again_has_no_problem_any_more(database: Database) -> None:
    fails = [Transient("once")]

    def work() -> None:
        if fails:
            raise fails.pop()

    with tasks(database, Task("a", 0.05, work)):
        eventually(lambda: any(beat.succeeded_at for beat in watch.heartbeats(database)))
    [state] = watcher_state(Desk(database))
    assert (state.problem, state.success_age is not None) == (None, True)


def test_its_end_is_clean_and_leaves_the_lock_to_the_next(database: Database) -> None:
    with tasks(database, Task("a", 0.05, lambda: None)):
        eventually(lambda: bool(watch.heartbeats(database)))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fntx ")]
    again = threading.Event()
    with tasks(database, Task("a", 0.05, again.set)):
        assert again.wait(60)


def test_the_watcher_of_the_settings_says_what_keeps_prices_from_arriving(database: Database) -> None:
    """An exchange that nobody knows has no prices; the others' heartbeats go on."""
    desk = Desk(database)
    deposit(desk)
    asked(desk, "BTC/USDT", "nowhere", state="open")
    with watching(watcher_of(Settings(), desk)):
        eventually(
            lambda: {beat.task for beat in watch.heartbeats(database)} >= {"prices", "alerts", "prices of nowhere"}
        )
    assert prices.newest(database) == {}
