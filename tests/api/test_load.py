"""The API under load: requests wait for a connection, are told to come again, and lose nothing."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import psycopg
import pytest

from fntx_dagster.api.app import make_app
from fntx_dagster.api.serving import served
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.store import pool
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_value

from .conftest import NOON, Client

CONNECTIONS = 2
ORDER = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1"} | {
    "expected_edge_bps": "100",
    "quote": {"bid": "100", "ask": "100", "ts": NOON.isoformat()},
}


@pytest.fixture
def url(database: Database) -> Iterator[str]:
    """A server that has two connections to the database."""
    database.close()
    small = Database(database.url, CONNECTIONS)
    with small.connect():  # the first use decides how many
        pass
    with served(make_app(Desk(small), simulated_time=True)) as at:
        yield at


def clients(database: Database, url: str, number: int) -> list[Client]:
    """Users with capital."""
    found = [Client(url, make_token(database, f"user{each}", "trader")) for each in range(number)]
    for client in found:
        client.deposit()
    return found


def test_requests_beyond_the_connections_wait_are_told_to_come_again_and_lose_nothing(
    database: Database, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = clients(database, url, 5)

    def order(client: Client) -> int:
        response = client.call("POST", "/api/orders/submit", json=ORDER, headers={"Idempotency-Key": "k"})
        if response.status_code == 503:
            assert response.headers["Retry-After"]
            assert response.json()["code"] == "unavailable"
        return response.status_code

    with psycopg.connect(database.url) as other, ThreadPoolExecutor(CONNECTIONS) as threads:
        other.execute("select from ledger.books where user_id in ('user0', 'user1') for no key update")
        waiting = [threads.submit(order, client) for client in users[:CONNECTIONS]]
        while _waiting_for_a_lock(database) < CONNECTIONS:
            assert not any(each.done() for each in waiting)
        monkeypatch.setattr(pool, "WAIT_SECONDS", 0.2)
        assert [order(client) for client in users[CONNECTIONS:]] == [503, 503, 503]
        other.rollback()
        assert [each.result() for each in waiting] == [200, 200]
    monkeypatch.undo()
    assert [order(client) for client in users] == [200] * 5
    with database.connect() as connection:
        placed = "select count(*), count(distinct book_id) from ledger.orders where state = 'filled'"
        assert connection.execute(placed).fetchone() == (5, 5)
    assert [book.faults for book in verify(Desk(database))] == [()] * 5


def test_many_requests_for_few_connections_are_all_answered(database: Database, url: str) -> None:
    [ada, bob] = clients(database, url, 2)

    def order(number: int) -> int:
        client = (ada, bob)[number % 2]
        more = {"exchange": ("binance", "kraken", "luno", "valr")[number // 8]}
        return client.call("POST", "/api/orders/submit", json=ORDER | more).status_code

    with ThreadPoolExecutor(16) as threads:
        assert [*threads.map(order, range(32))] == [200] * 32
    with database.connect() as connection:
        assert connection.execute("select count(*) from ledger.orders").fetchone() == (32,)
    assert [book.faults for book in verify(Desk(database))] == [(), ()]


def test_a_slow_client_holds_no_connection(database: Database, url: str) -> None:
    [ada] = clients(database, url, 1)
    body = json.dumps(ORDER).encode()
    head = f"POST /api/orders/submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += f"FNTX-Now: {NOON.isoformat()}\r\nAuthorization: {ada.session.headers['Authorization']!s}\r\n\r\n"
    address = urlsplit(url)
    slow = [socket.create_connection((address.hostname, address.port), timeout=60) for _ in range(2 * CONNECTIONS)]
    for each in slow:
        each.sendall(head.encode() + body[:-10])
    assert [ada.order()["state"] for _ in range(2)] == ["filled"] * 2
    for each in slow:
        each.sendall(body[-10:])
        assert each.recv(100).startswith(b"HTTP/1.1 200")
        each.close()


def _waiting_for_a_lock(database: Database) -> int:
    with psycopg.connect(database.url) as connection:
        waiting = (
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        return one_value(connection.execute(waiting))
