"""Orders that wait for one book at the same time are stored together, each with its own gates and answer; books that
are ready at the same time share a commit; what goes wrong with one is not the others'."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests, waiting, writing
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import paper_order, submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import changes
from fntx_dagster.store.queries import own_sql
from tests.services.orders.test_warm import NOW, PATIENT, Noting, order, warmed


class Stores:
    """What is stored at once: of each time the number of books. `wait` holds it back until `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.books: list[int] = []
        self.begun, self._go = threading.Event(), threading.Event()
        self._go.set()
        write = changes.write_unlocked

        def noting(db: Database, several: Sequence[changes.BookRows]) -> list[str | Exception | None]:
            self.books.append(len(several))
            self.begun.set()
            assert self._go.wait(30)
            return write(db, several)

        monkeypatch.setattr(changes, "write_unlocked", noting)
        monkeypatch.setattr(writing, "_SLOW_SECONDS", 60)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is to be stored waits until the end."""
        self._go.clear()
        self.begun.clear()
        try:
            yield
        finally:
            self._go.set()


def at_once(desk: Desk, stores: Stores, number: int, **more: Any) -> list[dict[str, Any]]:
    """The answers to so many orders that wait for the book behind one that is being stored, and to this one."""
    with ThreadPoolExecutor(number + 1) as threads:
        with stores.held():
            first = threads.submit(order, desk, NOW, **more)
            assert stores.begun.wait(30)
            others = [threads.submit(order, desk, NOW, **more) for _ in range(number)]
            line = waiting.line_of(desk.db.url, "ada", True)
            while len(line.waiting) < number:
                assert not any(each.done() for each in others)
        return [each.result() for each in (first, *others)]


def counted(desk: Desk, what: str) -> Any:
    with desk.db.connect() as connection:
        row = connection.execute(own_sql(f"select {what}")).fetchone()
        assert row
        return row[0] if len(row) == 1 else row


def test_orders_that_wait_for_a_book_share_a_commit_and_see_each_other(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, stores = warmed(database), Stores(monkeypatch)
    noting = Noting(monkeypatch)
    answers = at_once(desk, stores, 12)
    assert stores.books == [1, 1]
    assert noting.cold == 0
    assert len({answer["order_id"] for answer in answers}) == 13
    assert counted(desk, "(select count(distinct xmin::text) from ledger.fills)") == 4, "two before, and two commits"
    assert counted(desk, "(select quantity from ledger.positions)") == 15
    assert [book.faults for book in verify(desk)] == [()]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (Rules(burst=7), "burst_limit"),
        (Rules(bot_daily=7), "bot_daily_limit"),
        (Rules(user_daily=7), "user_daily_limit"),
    ],
)
def test_of_64_orders_in_groups_no_more_pass_than_the_limit_has_left(
    database: Database, monkeypatch: pytest.MonkeyPatch, rules: Rules, code: str
) -> None:
    desk = warmed(database, rules)
    answers = at_once(desk, Stores(monkeypatch), 63)
    assert Counter(answer["reason_code"] for answer in answers) == {None: 5, code: 59}
    assert counted(desk, "(select count(*) from ledger.orders where approved_at is not null)") == 7
    assert [book.faults for book in verify(desk)] == [()]


def test_an_order_that_trips_the_breaker_stops_those_of_its_group_that_come_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, stores = warmed(database, Rules(burst=100)), Stores(monkeypatch)
    assert order(desk, NOW, side="sell", amount="2")["success"]
    assert order(desk, NOW)["success"]
    line, placed = waiting.line_of(database.url, "ada", True), []
    with ThreadPoolExecutor(12) as threads, stores.held():
        placed.append(threads.submit(order, desk, NOW, 90, side="sell"))
        assert stores.begun.wait(30)
        for number in range(10):  # round trips that lose, one after the other
            side, price = (("buy", 100), ("sell", 90))[number % 2]
            placed.append(threads.submit(order, desk, NOW, price, side=side))
            while len(line.waiting) <= number:
                assert not placed[-1].done()
    codes = [each.result()["reason_code"] for each in placed]
    assert codes == [None] * 7 + ["bot_breaker_tripped"] * 4, "the first round trip lost, too"
    assert counted(desk, "(select count(*) from ledger.trips)") == 1
    assert [book.faults for book in verify(desk)] == [()]


def test_one_key_in_a_group_is_one_order_and_equal_answers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = warmed(database)
    answers = at_once(desk, Stores(monkeypatch), 15, key="once")
    assert len({json.dumps(answer) for answer in answers}) == 1
    assert counted(desk, "(select count(*) from ledger.orders)") == 3
    assert order(desk, NOW)["success"]


def ordered(desk: Desk, user: str, key: str | None = None) -> dict[str, Any]:
    """The answer to an order of any user."""
    quote = {"bid": "100", "ask": "100", "ts": NOW.isoformat()}
    body: dict[str, object] = {"bot_id": "a", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy"}
    body |= {"amount": "1", "expected_edge_bps": "200", "quote": quote}
    return json.loads(submit(desk, user, requests.submission(json.dumps(body).encode(), key), NOW).body)


def traders(desk: Desk, *users: str) -> list[str]:
    """Users with a deposit and two orders each; the desk keeps their books."""
    for user in users:
        fund(desk, user, requests.funding(b'{"amount": "100000"}', None), NOW)
        assert [ordered(desk, user)["success"] for _ in range(2)] == [True, True]
    return [*users]


def together(desk: Desk, stores: Stores, asked: Sequence[tuple[str, str | None]]) -> list[Any]:
    """What became of orders that are stored at once, behind one of the user `first`."""
    with ThreadPoolExecutor(len(asked) + 1) as threads:
        with stores.held():
            first = threads.submit(ordered, desk, "first")
            assert stores.begun.wait(30)
            placed = [threads.submit(ordered, desk, *each) for each in asked]
            while len(desk.writer.ready) < len(asked):
                assert not any(each.done() for each in placed)
        assert first.result()["success"]
        return [each.exception(60) or each.result() for each in placed]


def test_books_that_are_ready_at_the_same_time_share_a_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database, PATIENT)
    _, *users = traders(desk, "first", *"bcdefg")
    stores, noting = Stores(monkeypatch), Noting(monkeypatch)
    answers = together(desk, stores, [(user, None) for user in users])
    assert all(answer["success"] for answer in answers)
    assert stores.books == [1, 6]
    assert noting.cold == 0
    assert counted(desk, "(select count(distinct xmin::text) from ledger.books)") == 2
    assert [book.faults for book in verify(desk)] == [()] * 7


def test_a_book_that_cannot_be_stored_with_others_leaves_them_stored_and_is_taken_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five books one was changed by another process, one has the key, one may not be written, one is locked."""
    desk, other = Desk(database, PATIENT), Desk(database, PATIENT)
    traders(desk, "first", "changed", "answered", "faulty", "locked", "sound")
    changed, answered = ordered(other, "changed"), ordered(other, "answered", "once")
    fresh = ordered(desk, "answered")  # kept again, and knows nothing of the key
    with database.connect() as connection:
        connection.execute(
            """create function public.no() returns trigger language plpgsql as $$ begin
                if new.book_id = (select book_id from ledger.books where user_id = 'faulty') then
                    raise exception 'not this book'; end if;
                return new; end $$;
            create trigger no before insert on ledger.fills for each row execute function public.no()"""
        )
    stores, noting = Stores(monkeypatch), Noting(monkeypatch)
    asked = [("changed", None), ("answered", "once"), ("faulty", None), ("locked", None), ("sound", None)]
    with psycopg.connect(database.url) as holder:
        holder.execute("select from ledger.books where user_id = 'locked' for no key update")
        threading.Timer(0.5, holder.rollback).start()
        results = together(desk, stores, asked)
    assert changed["success"]
    assert fresh["success"]
    assert results[0]["success"]
    assert results[1] == answered
    assert isinstance(results[2], psycopg.errors.RaiseException)
    assert results[3]["success"]
    assert results[4]["success"]
    assert noting.cold
    sums = "select user_id, count(*) from ledger.orders join ledger.books using (book_id) group by 1"
    with database.connect() as connection:
        assert dict(connection.execute(sums).fetchall()) == {
            "first": 3,
            "changed": 4,
            "answered": 4,
            "faulty": 2,
            "locked": 3,
            "sound": 3,
        }
    assert [book.faults for book in verify(desk)] == [()] * 6


def test_of_orders_whose_connection_is_cut_each_key_is_good_for_another_try(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database, PATIENT)
    _, *users = traders(desk, "first", "b", "c")
    write = changes._write_unlocked

    def cut(connection: psycopg.Connection, several: Sequence[changes.BookRows]) -> list[str | Exception | None]:
        if len(several) > 1:
            with psycopg.connect(database.url) as other:
                other.execute("select pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))
        return write(connection, several)

    monkeypatch.setattr(changes, "_write_unlocked", cut)
    results = together(desk, Stores(monkeypatch), [(user, f"of {user}") for user in users])
    assert {type(each) for each in results} <= {Transient, dict}, "told so, or stored over another connection"
    assert all(ordered(desk, user, f"of {user}")["success"] for user in users)
    assert counted(desk, "(select count(*) from ledger.orders)") == 9
    assert [book.faults for book in verify(desk)] == [()] * 3


_TRADER = r"""
import json, sys
from concurrent.futures import ThreadPoolExecutor
from fntx_dagster.store.database import Database
from tests.services.orders.test_grouping import Desk, PATIENT, ordered, traders

url, name, users, number = json.loads(sys.argv[1])
desk = Desk(Database(url, 8), PATIENT)
print("ready", flush=True)
sys.stdin.readline()

def one(place):
    answer = ordered(desk, users[place % len(users)], f"{name}-{place}")
    sys.stdout.write((answer["order_id"] if answer["success"] else f"{answer}") + "\n")
    sys.stdout.flush()

with ThreadPoolExecutor(16) as threads:
    for _ in threads.map(one, range(number)):
        pass
"""


def trading(database: Database, name: str, users: Sequence[str], number: int) -> subprocess.Popen[str]:
    """A process that lets users send so many orders, 16 at once; it prints the id of each that it is answered."""
    command = [sys.executable, "-c", _TRADER, json.dumps([database.url, name, users, number])]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_that_store_groups_of_one_book_lose_and_double_nothing(database: Database) -> None:
    desk = Desk(database, PATIENT)
    traders(desk, "ada")
    processes = [trading(database, name, ["ada"], 150) for name in ("first", "second")]
    lines: list[str] = []
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        lines += process.communicate(timeout=120)[0].split()
    assert len({*lines}) == 300
    fills = "(select count(*) from ledger.fills), (select count(distinct order_id) from ledger.fills)"
    used = "(select used from ledger.approvals where bot_id = '')"
    commits = "(select count(distinct xmin::text) from ledger.fills)"
    *counts, shared = counted(desk, f"{fills}, (select quantity from ledger.positions), {used}, {commits}")
    assert counts == [302, 302, 302, 302]
    assert shared < 302, "some orders were stored together"
    assert [book.faults for book in verify(desk)] == [()]


def test_a_kill_leaves_all_or_nothing_of_what_is_stored_together(database: Database) -> None:
    desk = Desk(database, PATIENT)
    users = traders(desk, *"abcd")
    process = trading(database, "killed", users, 10_000)
    assert process.stdin
    assert process.stdout
    process.stdin.write("go\n")
    process.stdin.flush()
    answered = [process.stdout.readline().strip() for _ in range(60)]
    process.kill()
    answered += process.communicate(timeout=30)[0].split()
    with database.connect() as connection:
        stored = {f"{row[0]}" for row in connection.execute("select order_id from ledger.orders")}
        assert {*answered} <= stored
    names = ("fills", "orders", "quote_history")
    counts = ", ".join(f"(select count(*) from ledger.{name})" for name in names)
    *found, used = counted(desk, f"{counts}, (select sum(used) from ledger.approvals where bot_id = '')")
    assert found == [used] * 3
    assert counted(desk, "(select count(*) from ledger.answers)") == used + len(users), "and of the deposits"
    assert [book.faults for book in verify(desk)] == [()] * 4
    assert [ordered(desk, user)["success"] for user in users] == [True] * 4


def test_of_a_position_of_many_lots_the_oldest_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = warmed(database)
    for number in range(78):
        assert order(desk, NOW, 100 + number % 7)["success"]
    for seller in (Desk(database, PATIENT), desk):  # one that bought none of them, and one that is out of date then
        noting = Noting(monkeypatch)
        for number in range(60):
            assert order(seller, NOW, 120, side=("sell", "sell", "buy")[number % 3])["success"]
        assert noting.cold == 2, "the second time after 32 lots"
    assert [book.faults for book in verify(desk)] == [()]


def test_who_asks_no_more_for_an_order_keeps_the_book_from_nobody(database: Database) -> None:
    desk = Desk(database, PATIENT)
    traders(desk, "ada")
    quote = {"bid": "100", "ask": "100", "ts": NOW.isoformat()}
    body = {"bot_id": "b", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1", "quote": quote}
    asked = requests.submission(json.dumps(body).encode(), None)

    def closed() -> None:
        raise RuntimeError("Event loop is closed")

    for answered in (closed, lambda: None):
        left = paper_order(desk, "ada", asked, NOW)  # of another bot: it is given the book
        left.enter(answered)
        left.abandon()
        assert ordered(desk, "ada")["success"]
