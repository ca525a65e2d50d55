"""A server on loopback with simulated time, and a client for each user."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from fntx_dagster.api.app import make_app
from fntx_dagster.api.callers import failures
from fntx_dagster.api.serving import served
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

_numbers = count()
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Client:
    """One user's bot. Time stands still unless the test moves it."""

    def __init__(self, url: str, token: str) -> None:
        self.user = ""
        self.url = url
        self.now = NOON
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"FNTX-Now": self.now.isoformat()} | more.pop("headers", {})
        return self.session.request(method, f"{self.url}{path}", headers=headers, timeout=60, **more)

    def get(self, path: str, **query: object) -> Any:
        response = self.call("GET", path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, **body: object) -> requests.Response:
        return self.call("POST", path, json=body)

    def deposit(self, amount: str = "1000", **more: object) -> Any:
        response = self.post("/api/ledger/funding", amount=amount, **more)
        assert response.status_code == 201, response.text
        return response.json()

    def order(self, price: str | None = "100", **more: Any) -> Any:
        """An order in a market of one price (None: without a quote), with an edge that passes."""
        quote = {} if price is None else {"quote": {"bid": price, "ask": price, "ts": self.now.isoformat()}}
        body = {"bot_id": "bot", "exchange": "binance", "symbol": "BTC/USDT", "side": "buy", "amount": "1"}
        response = self.post("/api/orders/submit", **(body | {"expected_edge_bps": "100"} | quote | more))
        assert response.status_code == 200, response.text
        return response.json()

    def later(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)


class Server:
    """The API in a thread of this process."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self.desk = Desk(db)
        self.settings = settings
        self.users = ""
        self.app = make_app(self.desk, settings, simulated_time=True)
        self._serving = served(self.app)
        self.url = self._serving.__enter__()

    def client(self, user: str = "ada", role: str = "trader", *scopes: str) -> Client:
        """A client of a user of this test: `ada` is another one in each."""
        client = Client(self.url, make_token(self.desk.db, user + self.users, role, scopes=scopes))
        client.user = user + self.users
        return client

    def forget_failures(self) -> None:
        self.app.state.failures = failures()

    def stop(self) -> None:
        self._serving.__exit__(None, None, None)


@pytest.fixture(scope="module")
def serving(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server and database for the tests of a module: each test has users of its own."""
    yield (started := Server(module_database, Settings(home=tmp_path_factory.mktemp("served"))))
    started.stop()


@pytest.fixture
def server(serving: Server) -> Server:
    serving.users = f"@{next(_numbers)}"
    serving.forget_failures()
    return serving


@pytest.fixture
def empty(database: Database, tmp_path: Path) -> Iterator[Server]:
    """A server with a database and a home of this test's own."""
    yield (started := Server(database, Settings(home=tmp_path / "home")))
    started.stop()


@pytest.fixture
def ada(server: Server) -> Client:
    return server.client()
