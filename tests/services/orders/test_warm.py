"""A paper book that a process keeps is what a reading gives, counts only while nobody else changed the book, and loses
or doubles nothing."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from fntx_dagster.errors import Transient
from fntx_dagster.ledger.breaker import Limits
from fntx_dagster.ledger.gates import Rules
from fntx_dagster.services.orders import requests, turning
from fntx_dagster.services.orders.money import fund
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.services.orders.warm import WarmBook, WarmBooks
from fntx_dagster.store.database import Database
from fntx_dagster.store.ledger import books
from fntx_dagster.store.ledger.books import About, Stored

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PATIENT = Rules(burst=10**6, bot_daily=10**6, user_daily=10**6, breaker=Limits(losing_trips=10**6))


def order(
    desk: Desk, at: datetime, at_price: object = 100, /, *, key: str | None = None, **more: Any
) -> dict[str, Any]:
    """The answer to an order of bot a in BTC/USDT, in a market of one price."""
    quote = {"bid": f"{at_price}", "ask": f"{at_price}", "ts": at.isoformat()}
    body: dict[str, object] = {"bot_id": "a", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy"}
    body |= {"amount": "1", "expected_edge_bps": "200", "quote": quote} | more
    return json.loads(submit(desk, "ada", requests.submission(json.dumps(body).encode(), key), at).body)


def deposit(desk: Desk, at: datetime = NOW) -> None:
    fund(desk, "ada", requests.funding(b'{"amount": "100000"}', None), at)


def warmed(database: Database, rules: Rules = PATIENT) -> Desk:
    """A desk that keeps the book of a deposit and two orders."""
    desk = Desk(database, rules)
    deposit(desk)
    for _ in range(2):
        assert order(desk, NOW)["success"]
    return desk


def kept(desk: Desk) -> WarmBook | None:
    """The book that the desk keeps."""
    if book := desk.warm.take("ada"):
        desk.warm.keep("ada", book)
    return book


class Noting:
    """How many turns began by a reading of the book: the rest was warm."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cold, begun = 0, turning.begun

        def counted(*given: Any) -> Any:
            self.cold += 1
            return begun(*given)

        monkeypatch.setattr(turning, "begun", counted)


def without_nothing(stored: Stored, since: datetime) -> dict[str, object]:
    """What a state says: positions of zero, what is there for want of a key, and older approvals say nothing."""
    book, found = stored.book, stored._asdict()
    for name in ("balances", "fees", "figures", "errors"):
        found[name] = {key: value for key, value in getattr(book, name).items() if value}
    found["positions"] = {key: position for key, position in book.positions.items() if position.quantity}
    found["approved"] = [at for at in stored.approved if at > since]
    found |= {"funds": book.funds, "quotes": book.quotes, "elsewhere": book.elsewhere}
    return {name: value for name, value in found.items() if name not in ("book", "lots")}


@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_kept_is_what_a_reading_gives(database: Database, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance, at, price, compared = random.Random(seed), NOW, Decimal(100), 0
    desk = Desk(database, Rules(bot_daily=60, user_daily=70, burst=4))
    deposit(desk)
    fund(desk, "ada", requests.funding(b'{"amount": "900", "bot_id": "a"}', None), at)
    noting, orders = Noting(monkeypatch), 160
    for _ in range(orders):
        at += timedelta(seconds=chance.choice((0, 1, 2, 7, 400)))
        price *= Decimal(chance.randint(990, 1011)) / 1000
        more: dict[str, Any] = {"side": chance.choice(["buy", "sell"]), "amount": chance.choice(["0.5", "0.8"])}
        more |= {"bot_id": chance.choice("aaaaaaab"), "symbol": chance.choice(["BTC/USDT"] * 8 + ["ETH/USDT"])}
        more |= {"reduce_only": chance.random() < 0.1, "expected_edge_bps": chance.choice(["200", "200", "200", "1"])}
        if chance.random() < 0.1:
            more |= {"order_type": "limit", "price": f"{price.quantize(Decimal('0.01'))}"}
        order(desk, at, price.quantize(Decimal("0.0001")), **more)
        if not (book := kept(desk)):
            continue
        compared += 1
        assert book.stored.only is not None
        since = at - desk.rules.burst_window
        about = About(at, desk.day(at), book.bot_id, *book.stored.only, since, None, "sell")
        with database.connect() as connection:
            read = books.read(connection, book.stored.book_id, about)
        assert without_nothing(book.at(about), since) == without_nothing(read, since)
        if book.stored.lots and read.lots:
            assert book.stored.lots[: len(read.lots)] == read.lots
    assert compared > 60
    assert noting.cold < orders - 40
    assert [book.faults for book in verify(desk)] == [()]


def test_desks_that_take_turns_on_one_book_lose_and_double_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, desks, done = random.Random(3), [Desk(database, PATIENT), Desk(database, PATIENT)], 0
    deposit(desks[0])
    noting = Noting(monkeypatch)
    for number in range(80):
        side = chance.choice(["buy", "sell"])
        done += order(desks[chance.random() < 0.3], NOW, 100 + number % 3, side=side)["filled_amount"] == "1"
    assert 20 < noting.cold < 70
    with database.connect() as connection:
        used = "select used from ledger.approvals where bot_id = 'a'"
        counts = f"select (select count(*) from ledger.fills), (select count(*) from ledger.orders), ({used})"
        assert connection.execute(counts).fetchone() == (done, 80, 80)
    assert [book.faults for book in verify(desks[0])] == [()]


_TRADER = """
import json, sys
from datetime import datetime
from fntx_dagster.services.orders import requests, turning
from fntx_dagster.services.orders.submitting import submit
from fntx_dagster.store.database import Database
from tests.services.orders.test_warm import PATIENT, Desk, order

url, name, now = json.loads(sys.argv[1])
desk, begun, cold = Desk(Database(url, 4), PATIENT), turning.begun, []
turning.begun = lambda *given: cold.append(1) or begun(*given)
with desk.db.connect():
    print("ready", flush=True)
sys.stdin.readline()
for number in range(150):
    side = ("buy", "sell", "sell", "buy")[number % 4]
    answer = order(desk, datetime.fromisoformat(now), key=f"{name}-{number}", side=side)
    assert answer["filled_amount"] == "1", answer
print(len(cold))
"""


def test_processes_that_keep_one_book_lose_and_double_nothing(database: Database) -> None:
    desk = Desk(database, PATIENT)
    deposit(desk)
    asked = [json.dumps([database.url, name, NOW.isoformat()]) for name in ("first", "second")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    traders = [subprocess.Popen([sys.executable, "-c", _TRADER, each], **pipes) for each in asked]
    for trader in traders:
        assert trader.stdout is not None
        assert trader.stdout.readline() == "ready\n"
    for trader in traders:
        assert trader.stdin is not None
        trader.stdin.write("go\n")
        trader.stdin.flush()
    cold = [int(trader.communicate(timeout=120)[0]) for trader in traders]
    assert sum(cold) < 300, "some turns were warm"
    with database.connect() as connection:
        counts = "select count(*), count(distinct order_id), count(distinct entry_no), sum(qty) from ledger.fills"
        assert connection.execute(counts).fetchone() == (300, 300, 300, 300)
        assert connection.execute("select used from ledger.approvals").fetchall() == [(300,), (300,)]
    assert [book.faults for book in verify(desk)] == [()]


def test_a_key_that_another_process_answered_is_answered_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = warmed(database)
    first = order(Desk(database, PATIENT), NOW, key="once")
    noting = Noting(monkeypatch)
    for _ in range(3):
        assert order(desk, NOW, key="once") == first
        assert order(desk, NOW)["success"]
    assert noting.cold >= 3, "each replay was read"
    with database.connect() as connection:
        assert connection.execute("select count(*) from ledger.orders").fetchone() == (6,)


def test_a_kept_book_counts_what_others_used_and_what_time_gave_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = Rules(burst=6, bot_daily=9)
    desk, other, noting = warmed(database, rules), Desk(database, rules), Noting(monkeypatch)
    for _ in range(2):
        assert order(desk, NOW + timedelta(seconds=3))["success"]
    assert not noting.cold
    for _ in range(2):
        assert order(other, NOW + timedelta(seconds=3))["success"]
    for _ in range(2):
        assert order(desk, NOW + timedelta(seconds=9))["reason_code"] == "burst_limit"
    noting.cold = 0
    codes = Counter(order(desk, NOW + timedelta(seconds=10.5))["reason_code"] for _ in range(3))
    assert codes == {None: 2, "burst_limit": 1}, "the first two orders left the window"
    codes = Counter(order(desk, NOW + timedelta(seconds=21))["reason_code"] for _ in range(3))
    assert codes == {None: 1, "bot_daily_limit": 2}
    assert not noting.cold
    assert order(desk, NOW + timedelta(days=1))["success"]


def test_orders_that_overtake_each_other_are_warm_and_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = warmed(database, Rules(burst=5))
    noting = Noting(monkeypatch)
    codes = [order(desk, NOW + timedelta(seconds=each))["reason_code"] for each in (18, 12, 16, 9.5, 19, 11, 18)]
    assert codes == [None, None, None, "burst_limit", None, None, "burst_limit"]
    assert noting.cold == 0


def test_an_order_of_an_earlier_moment_or_another_day_is_read_for(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, noting = warmed(database), Noting(monkeypatch)
    assert order(desk, NOW)["success"]
    assert noting.cold == 0
    for at in (NOW - timedelta(seconds=1), NOW + timedelta(days=1)):
        assert order(desk, at)["success"]
    assert noting.cold == 2
    assert [book.faults for book in verify(desk)] == [()]


def test_a_warm_order_waits_for_the_lock_no_longer_than_others(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = warmed(database)
    monkeypatch.setattr(books, "LOCK_WAIT", "50ms")
    noting = Noting(monkeypatch)
    with psycopg.connect(database.url) as other:
        other.execute("select from ledger.books for no key update")
        with pytest.raises(Transient, match="keeps the lock of the book"):
            order(desk, NOW)
    assert noting.cold == 0
    assert order(desk, NOW)["success"]


def test_a_warm_order_is_stored_as_the_role_that_owns_nothing(database: Database) -> None:
    desk = warmed(database)
    with database.connect() as connection:
        connection.execute("revoke insert on ledger.fills from fntx_api")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        order(desk, NOW)
    with database.connect() as connection:
        connection.execute("grant insert on ledger.fills to fntx_api")
    assert order(desk, NOW)["success"]
    assert [book.faults for book in verify(desk)] == [()]


def test_no_more_books_are_kept_than_500(database: Database) -> None:
    book, many = kept(warmed(database)), WarmBooks()
    assert book
    for number in range(600):
        many.keep(f"user{number}", book)
    found = [number for number in range(600) if many.take(f"user{number}")]
    assert found == [*range(100, 600)]
