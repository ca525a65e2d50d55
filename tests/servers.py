"""Several machines on this one: a broker, a database by URL, a node of the chain, a daemon, and workers whose homes are
apart."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import psycopg
from psycopg import sql

from fntx_dagster.adapters.evm.client import connect
from fntx_dagster.settings import Settings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, delivered, write_document
from fntx_dagster.simulate.trading import trade
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import database_url
from tests import folders, tools
from tests.processes import FNTX, environment
from tests.served_ui import Ui, free_port, wait_for

CELERY = tools.ROOT / "deploy" / "dagster" / "celery.yaml"
_LAUNCH = """mutation Launch($tags: [ExecutionTag!]) {launchRun(executionParams: {
    selector: {repositoryLocationName: "fntx", repositoryName: "__repository__", jobName: "run_loaded_days"},
    executionMetadata: {tags: $tags}}) {__typename ... on PythonError {message} ... on LaunchRunSuccess {run {runId}}}}
"""


@contextmanager
def redis() -> Iterator[str]:
    """The URL of a Redis server of this test's own."""
    assert tools.REDIS
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="fntx-redis-", dir=folders.short()) as folder:
        command = [tools.REDIS, "--port", f"{port}", "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()
            server.wait(30)


class Machines:
    """A daemon and workers. `variables` are the settings that all of them have."""

    def __init__(self, folder: Path, used: Path, **variables: str) -> None:
        self.folder, self.used, self.variables = folder, used, variables
        self.workers: list[subprocess.Popen[bytes]] = []

    def home(self, name: str) -> Path:
        """The home of a machine: the keys of all, and a folder of its own for everything else."""
        home = self.folder / name
        home.mkdir(mode=0o755)
        shutil.copytree(self.folder / "chain" / "keys", home / "keys")
        shutil.copytree(self.used / "dbt", home / "dbt")  # parsed, as in an image
        return home

    def add_worker(self) -> subprocess.Popen[bytes]:
        """A machine more: a worker in a process group of its own."""
        name = f"worker{len(self.workers)}"
        home = self.home(name)
        with (home / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                [FNTX, "worker", "--name", name],
                env=environment(home, **self.variables),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        wait_for(lambda: worker.poll() is not None or "ready" in (home / "worker.log").read_text(), 120)
        assert worker.poll() is None, (home / "worker.log").read_text()
        return worker

    def end(self) -> None:
        """What is left of the workers is killed."""
        for worker in self.workers:
            _kill_group(worker)


def at_work(worker: subprocess.Popen[bytes], process: int) -> bool:
    """Whether a process is a worker's."""
    try:
        return process in {child.pid for child in psutil.Process(worker.pid).children(recursive=True)}
    except psutil.NoSuchProcess:
        return False


def kill_machine(worker: subprocess.Popen[bytes]) -> None:
    """As a machine dies: the worker and all of its processes at once, without a word."""
    _kill_group(worker)
    worker.wait(30)


def launch(ui: Ui, tags: dict[str, str]) -> str:
    """Ask the daemon for a run with these tags; its number."""
    given = [{"key": key, "value": value} for key, value in tags.items()]
    body = json.dumps({"query": _LAUNCH, "variables": {"tags": given}})
    _, answer = ui.send("POST", "/graphql", body, **{"Content-Type": "application/json"})
    launched: dict[str, Any] = answer["data"]["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return launched["run"]["runId"]


def deliver(folder: Path, accounts: list[str], first: date, last: date) -> None:
    """A statement file of each account, as the simulated broker delivers it."""
    folder.mkdir(parents=True, exist_ok=True)
    for account in trade(1, accounts, first, last, trades_per_day=2):
        document = delivered([account], QUERIES[ACTIVITY], first, last, as_of=last)
        assert document
        write_document(folder / f"{account.number}.xml", document)


def chain_of(home: Path, accounts: list[str]) -> None:
    """An embedded chain whose traders have what posting takes, as a person provides on a real one."""
    with connect(Settings(home=home)) as chain:
        for account in accounts:
            chain.trader(account)


@contextmanager
def node(home: Path) -> Iterator[str]:
    """The URL of `fntx chain serve` on a home."""
    command = [FNTX, "chain", "serve", "--port", "0"]
    server = subprocess.Popen(
        command, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout
    try:
        yield server.stdout.readline().split()[0]
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(60)
        server.stdout.close()


@contextmanager
def own_database(postgres: str, name: str, template: str) -> Iterator[str]:
    """The URL of a database on the tests' server, dropped at the end."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        named = sql.Identifier(name), sql.Identifier(template)
        connection.execute(sql.SQL("create database {} template {} strategy file_copy").format(*named))
    database = Database(database_url(postgres, name))
    yield database.url
    database.close()
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _kill_group(worker: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(worker.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
