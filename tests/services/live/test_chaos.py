"""Everything between a gateway and a browser is killed in turn while the account trades: the browser ends with what the
tables hold, has every fill, and none twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from fntx_dagster.services.database import open_database
from fntx_dagster.services.live.today import account_today
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.gateway import SimulatedGateway, serve, unused_port
from fntx_dagster.simulate.gateway_accounts import ACCOUNT, QUARTER_PAST_TEN, july_28
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import EmbeddedPostgres
from tests import homes
from tests.live_parts import fill, until
from tests.processes import environment
from tests.web.test_live import numbered

ROOT = Path(__file__).parents[3]
_BETWEEN_FILLS = 0.05
_WAIT_SECONDS = 90


class Browser(threading.Thread):
    """A client as `live.js` is one: it comes back with the id that it has got to."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.address = f"ws://127.0.0.1:{port}/live"
        self.after, self.ids, self.fills = 0, list[int](), list[str]()
        self.newest: dict[tuple[str, str], Any] = {}
        self.connections = 0
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            with suppress(OSError, WebSocketException, TimeoutError):
                self._follow()
            self.ending.wait(0.2)

    def _follow(self) -> None:
        with connect(f"{self.address}?after={self.after}&accounts=1", max_queue=None) as connection:
            self.connections += 1
            while not self.ending.is_set():
                with suppress(TimeoutError):
                    said = json.loads(connection.recv(timeout=0.5))
                    for event in said if isinstance(said, list) else []:
                        self._take(event)

    def _take(self, event: dict[str, Any]) -> None:
        self.after = event["id"]
        self.ids.append(event["id"])
        if event["kind"] == "fill":
            self.fills.append(event["body"]["execution_id"])
        self.newest[event["kind"], event.get("key", "")] = event["body"]


class Parts:
    """The processes, which can be killed and started again."""

    def __init__(self, home: Path, gateway: SimulatedGateway, port: int) -> None:
        self.home, self.gateway, self.port = home, gateway, port
        self.settings = Settings(home=home)
        self.db = open_database(self.settings)
        gateways = json.dumps({ACCOUNT: f"127.0.0.1:{gateway.port}"})
        self.environment = environment(home, FNTX_GATEWAYS=gateways, PYTHONPATH=str(ROOT))
        self.writer, self.server = self._writer(), self._server()

    def kill_the_writer(self) -> None:
        self.writer = self._again(self.writer, self._writer)

    def kill_the_server(self) -> None:
        self.server = self._again(self.server, self._server)

    def end_every_connection_to_the_database(self) -> None:
        with psycopg.connect(self.db.url, autocommit=True) as connection:
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and "
                "backend_type = 'client backend'"
            )

    def kill_a_backend(self) -> None:
        """PostgreSQL ends all others then, and recovers."""
        with psycopg.connect(self.db.url, autocommit=True) as connection:
            row = connection.execute(
                "select pid from pg_stat_activity where application_name = 'fntx live' limit 1"
            ).fetchone()
        assert row
        os.kill(row[0], signal.SIGKILL)

    def kill_the_database(self) -> None:
        """All of it, at once; somebody starts it again a second later."""
        with psycopg.connect(self.db.url, autocommit=True) as connection:
            row = connection.execute("select pg_backend_pid()").fetchone()
        postmaster = next(
            process
            for process in psutil.process_iter(["cmdline", "ppid"])
            if "postgres" in " ".join(process.info["cmdline"] or [])
            and str(self.home) in " ".join(process.info["cmdline"] or [])
        )
        for process in [postmaster, *postmaster.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        time.sleep(1)
        assert row
        EmbeddedPostgres(self.settings.paths.postgres).start()

    def cut_the_gateway(self) -> None:
        self.gateway.cut()

    def restart_the_gateway(self) -> None:
        self.gateway.restart(1)

    def end(self) -> None:
        for process in (self.writer, self.server):
            process.kill()
            process.wait()
        self.db.close()

    def _again(
        self, process: subprocess.Popen[bytes], start: Callable[[], subprocess.Popen[bytes]]
    ) -> subprocess.Popen[bytes]:
        process.kill()
        process.wait()
        time.sleep(0.5)
        return start()

    def _writer(self) -> subprocess.Popen[bytes]:
        return self._start("-c", "from fntx_dagster.cli import main; main()", "live")

    def _server(self) -> subprocess.Popen[bytes]:
        return self._start("-m", "tests.stream_server", str(self.port))

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [sys.executable, *arguments], env=self.environment, cwd=ROOT, stdout=quiet, stderr=quiet
        )


KILLS = (
    "kill_the_writer",
    "kill_the_server",
    "end_every_connection_to_the_database",
    "kill_a_backend",
    "kill_the_database",
    "cut_the_gateway",
    "restart_the_gateway",
)


@contextmanager
def trading(gateway: SimulatedGateway) -> Iterator[list[str]]:
    """The account trades some twenty times a second."""
    done, ending = list[str](), threading.Event()

    def trade() -> None:
        while not ending.wait(_BETWEEN_FILLS):
            done.append(fill(gateway, "-1" if len(done) % 3 else "2", commission_after=0.1))

    thread = threading.Thread(target=trade, daemon=True)
    thread.start()
    try:
        yield done
    finally:
        ending.set()
        thread.join()


@pytest.mark.slow
def test_whatever_is_killed_a_browser_ends_with_what_the_tables_hold(used_home: Path) -> None:
    with homes.home(used_home) as home, serve(july_28(), now=QUARTER_PAST_TEN, runs=True) as gateway:
        parts = Parts(home, gateway, unused_port())
        try:
            _through_all_kills(parts, gateway)
        finally:
            parts.end()


def _through_all_kills(parts: Parts, gateway: SimulatedGateway) -> None:
    numbered(parts.db, ACCOUNT)
    browser = Browser(parts.port)
    browser.start()
    until(lambda: browser.fills, _WAIT_SECONDS)
    with trading(gateway) as done:
        for kill in KILLS:
            seen = len(browser.fills)
            until(lambda seen=seen: len(browser.fills) > seen, _WAIT_SECONDS)
            getattr(parts, kill)()
            newest = len(done)
            until(lambda newest=newest: set(done[:newest]) <= set(browser.fills), _WAIT_SECONDS)
    traded = [one.execution_id for one in gateway.accounts[0].fills]
    until(lambda: len(browser.fills) >= len(traded), _WAIT_SECONDS)
    until(lambda: _nav(parts.db) == gateway.accounts[0].nav, _WAIT_SECONDS)
    until(lambda: browser.newest["nav", ""]["nav"] == str(_nav(parts.db)), _WAIT_SECONDS)
    until(lambda: all(each.commission is not None for each in account_today(parts.db, ACCOUNT).fills), _WAIT_SECONDS)
    browser.ending.set()
    browser.join(20)
    assert browser.ids == sorted(set(browser.ids))
    assert sorted(browser.fills) == sorted(traded)
    now = account_today(parts.db, ACCOUNT)
    assert sorted(each.execution_id for each in now.fills) == sorted(traded)
    assert {each.contract_id: each.quantity for each in now.positions} == {
        str(held.contract.con_id): held.quantity for held in gateway.accounts[0].positions
    }
    assert browser.connections >= 2


def _nav(db: Database) -> object:
    return account_today(db, ACCOUNT).nav["nav"]
