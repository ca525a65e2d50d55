"""Real servers that are killed while they place orders, over HTTP on both sides: the API, and Binance's protocol.

Each round starts a server, lets bots send orders to it, and kills it with SIGKILL at a random moment; the exchange
takes some time for each order, so that most kills fall between the two transactions. `python -m
tests.services.orders.live.kills 100` does so a hundred times and prints what came of it.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from fntx_dagster.errors import Transient
from fntx_dagster.model.exchanges import MarketRules
from fntx_dagster.model.orders import Quote
from fntx_dagster.services.orders.access import make_token
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.live.following import follow
from fntx_dagster.services.orders.live.sweeping import sweep
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.orders.verifying import verify
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.exchanges.binance import BinanceDialect
from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.exchanges.server import ExchangeServer, HttpAnswer, HttpRequest, serve_exchange
from fntx_dagster.simulate.gateway import unused_port
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.server import EmbeddedPostgres
from tests import folders
from tests.processes import environment

KEY, SECRET = "the-key", "the-secret"
RULES = MarketRules("BTC/USDT", Decimal("0.00001"), Decimal("0.01"), Decimal("0.0001"), Decimal(5))
BOTS = 4
ORDERS = 6
"""Of each bot in a round; most rounds end before that."""
_LEASE_SECONDS = 4.0
_PARENT = """
import os, signal, sys
import fntx_dagster.cli.api, fntx_dagster.api.serving, fntx_dagster.adapters.exchanges.through_ccxt
from fntx_dagster.cli import main

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("ready", flush=True)
for line in sys.stdin:
    if (pid := os.fork()) == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.argv = ["fntx", "api", "serve", "--port", line.strip()]
        sys.exit(main())
    print(pid, flush=True)
"""
"""Becomes a server by fork whenever it is asked: half a server's start is the import of its libraries."""


class SlowDialect(BinanceDialect):
    """Binance that takes up to 60 ms before it has an order, and as long until it answers."""

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if not self.places(request):
            return super().answer(request)
        time.sleep(random.uniform(0, 0.06))
        answer = super().answer(request)
        time.sleep(random.uniform(0, 0.06))
        return answer


@dataclass
class Killing:
    """The servers of one database and one exchange, and what the bots asked and were told. `cut`: orders that a kill
    left between their two transactions."""

    db: Database
    exchange: ExchangeServer
    settings: Settings
    parent: subprocess.Popen[str]
    token: str
    seed: int
    answers: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    cut: int = 0

    def round(self, number: int) -> None:
        """A server, orders, and a kill at a random moment after the first order."""
        chance = random.Random(f"{self.seed} {number}")
        with self._server() as (pid, url), ThreadPoolExecutor(BOTS) as bots:
            self._trade(url, number, BOTS, 1)  # it reads the exchange's markets now, and knows them from here on
            trading = [bots.submit(self._trade, url, number, bot) for bot in range(BOTS)]
            if number:
                time.sleep(chance.uniform(0.02, 0.4))
            else:  # one kill falls between the two transactions for certain
                while self._left("submitting", "round 0 bot%") < BOTS / 2 and not all(bot.done() for bot in trading):
                    time.sleep(0.002)
            os.kill(pid, signal.SIGKILL)
            for bot in trading:
                bot.result()
        self.cut += self._left("submitting", f"round {number} %")

    def recover(self) -> None:
        """A restart: its watcher asks for what the kills left. Then the same at a later time: some never arrived."""
        with self._server():
            until = time.monotonic() + 120
            while self._left("submitting") and time.monotonic() < until:
                time.sleep(0.2)
        assert not self._left("submitting"), "the watcher of the restarted server leaves none"
        desk = desk_of(self.settings, self.db)
        for minutes in (0, 2, 4):
            later = replace(desk, clock=lambda minutes=minutes: datetime.now(UTC) + timedelta(minutes=minutes))
            for work in (sweep, follow):
                with suppress(Transient):
                    work(later)

    def check(self) -> Counter[str]:
        """Each order once at the exchange, none lost, every fill in the ledger, a key's answer the same: the states."""
        there = {order.client_id: order for order in self.exchange.exchange.orders}
        assert len(there) == len(self.exchange.exchange.orders), "an order was placed twice"
        query = "select order_id::text, idempotency_key, state, filled from ledger.orders"
        with self.db.connect() as connection:
            orders = connection.execute(query).fetchall()
            fills = connection.execute("select exchange_trade_id from ledger.fills").fetchall()
        booked = sorted(trade_id.rpartition(":")[2] for (trade_id,) in fills)
        assert booked == sorted(f"{fill.trade_id}" for fill in self.exchange.exchange.trades)
        for order_id, key, state, filled in orders:
            placed = there.pop(order_id.replace("-", ""), None)
            if placed is None:
                assert (state, filled) == ("failed", 0), key
            else:
                assert (state, filled) == (placed.state, placed.filled), key
            if answer := self.answers[key]:
                assert answer["order_id"] == order_id
        assert not there, "the exchange has an order that the ledger does not"
        assert {key for key, answer in self.answers.items() if answer} <= {key for _, key, _, _ in orders}
        assert [book.faults for book in verify(Desk(self.db))] == [()]
        return Counter(state for _, _, state, _ in orders)

    def _left(self, state: str, keys: str = "%") -> int:
        """The orders in a state whose keys are like that."""
        query = "select count(*) from ledger.orders where state = %s and idempotency_key like %s"
        with self.db.connect() as connection:
            return one_value(connection.execute(query, (state, keys)))

    def _trade(self, url: str, number: int, bot: int, orders: int = ORDERS) -> None:
        for order in range(orders):
            key = f"round {number} bot {bot} order {order}"
            self.answers[key] = None
            body = {"bot_id": f"bot{bot}", "exchange": "binance", "symbol": "BTC/USDT", "amount": "0.1"}
            body |= {"side": "buy" if order % 2 else "sell", "expected_edge_bps": "100", "is_paper": False}
            if order % 3 == 2:
                body |= {"order_type": "limit", "price": "90" if body["side"] == "buy" else "110"}
            try:
                answer = self._post(f"{url}/api/orders/submit", body, key)
            except requests.RequestException:
                return  # the server is dead: nobody knows what became of the order
            assert answer["gate_failed"] is None, answer
            self.answers[key] = answer

    def _post(self, url: str, body: dict[str, Any], key: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        return requests.post(url, json=body, headers=headers, timeout=60).json()

    def fund(self) -> None:
        with self._server() as (_, url):
            answer = self._post(f"{url}/api/ledger/funding", {"amount": "1000000", "is_paper": False}, "capital")
            assert answer["type"] == "deposit", answer

    @contextmanager
    def _server(self) -> Iterator[tuple[int, str]]:
        """A server, and its process; it is killed at the end."""
        port = unused_port()
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(f"{port}\n")
        self.parent.stdin.flush()
        pid, url = int(self.parent.stdout.readline()), f"http://127.0.0.1:{port}"
        for _ in range(600):
            with suppress(requests.ConnectionError):
                requests.get(f"{url}/openapi.json", timeout=30)
                break
            time.sleep(0.05)
        try:
            yield pid, url
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def killing(db: Database, home: Path, seed: int) -> Iterator[Killing]:
    """Servers of a database to be killed, with an account at an exchange on loopback."""
    paper = PaperExchange("binance", [RULES], {KEY: SECRET})
    paper.show("BTC/USDT", Quote(Decimal(100), Decimal(100), None, None, datetime.now(UTC)))
    with serve_exchange(SlowDialect(paper)) as server:
        variables = environment(
            home,
            FNTX_DATABASE_URL=db.url,
            FNTX_EXCHANGE_KEYS=json.dumps({"ada": {"binance": {"key": KEY, "secret": SECRET}}}),
            FNTX_EXCHANGE_URLS=json.dumps({"binance": server.url}),
            FNTX_EXCHANGE_TIMEOUT=f"{_LEASE_SECONDS / 4}",
            FNTX_BURST_LIMIT="1000000",
            FNTX_BOT_DAILY_LIMIT="1000000",
            FNTX_USER_DAILY_LIMIT="1000000",
            FNTX_ERRORS_PER_HOUR="1000000",
            FNTX_LOSING_TRIPS="1000000",
        )
        settings = Settings.model_validate(
            {
                "home": home,
                "exchanges": {
                    "keys": {"ada": {"binance": {"key": KEY, "secret": SECRET}}},
                    "urls": {"binance": server.url},
                },
            }
        )
        parent = subprocess.Popen(
            [sys.executable, "-c", _PARENT],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        try:
            yield Killing(db, server, settings, parent, make_token(db, "ada", "trader"), seed)
        finally:
            parent.communicate()
        assert server.problems == []


def main(kills: int, seed: int = 1) -> None:
    """So many kills on a database of their own; what came of the orders, as JSON."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="fntx-kills-", dir=folders.short()) as folder:
        Path(folder).chmod(0o755)
        server = EmbeddedPostgres(Path(folder) / "postgres")
        database = Database(server.start())
        try:
            migrate(database)
            with killing(database, Path(folder), seed) as run:
                run.fund()
                for number in range(kills):
                    run.round(number)
                run.recover()
                states = run.check()
        finally:
            database.close()
            server.stop()
    told = {"kills": kills, "cut": run.cut, "states": states}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
