"""A month of 1,000 trades a day for 3 accounts is generated, fetched and loaded: `python bench/month.py`.

The broker has a process of its own, so that the memory told is the platform's. It delivers one document per account
through its web service as fast as it can; the tokens are asked side by side, with two seconds between two requests of
one, as always.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr

from fntx_dagster.model.period import Period
from fntx_dagster.services.fetching import fetch, statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.settings.groups import FlexSettings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, answers
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import serve
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.raw_flex.statements import load_paths
from fntx_dagster.store.server import EmbeddedPostgres

FIRST, LAST = date(2025, 7, 1), date(2025, 7, 31)
TRADES_PER_DAY = 1000
CUSTOMERS = {f"{number}00000000000000000000": f"U300000{number}" for number in (1, 2, 3)}
"""Token → account."""


def main() -> None:
    pipe, theirs = multiprocessing.Pipe()
    broker = multiprocessing.get_context("spawn").Process(target=_broker, args=(theirs,), daemon=True)
    broker.start()
    try:
        url, trades, seconds, memory = pipe.recv()
        _say("generated", f"{trades:,} executions of {len(CUSTOMERS)} accounts", seconds, memory)
        with tempfile.TemporaryDirectory(prefix="fntx-month-", dir="/tmp") as folder:
            Path(folder).chmod(0o755)  # the embedded server may run as another user
            _fetch_and_load(Path(folder) / "home", url)
    finally:
        pipe.close()
        broker.join()


def _broker(pipe: Connection) -> None:
    """Trades, and serves until the other end goes away."""
    started = time.perf_counter()
    accounts = trade(1, CUSTOMERS.values(), FIRST, LAST, trades_per_day=TRADES_PER_DAY)
    seconds = time.perf_counter() - started
    customers = {token: [account] for token, account in zip(CUSTOMERS, accounts, strict=True)}
    executions = sum(len(day.fills) for account in accounts for day in account.days)
    statements = answers(customers, lambda: LAST)
    with serve(statements, dict.fromkeys(customers, QUERIES)) as service:
        pipe.send((service.url, executions, seconds, _peak()))
        try:
            pipe.recv()
        except EOFError:
            return


def _fetch_and_load(home: Path, url: str) -> None:
    settings = Settings(
        home=home,
        flex=FlexSettings(
            tokens={account: SecretStr(token) for token, account in CUSTOMERS.items()},
            queries={account: {f"Activity_{account}": ACTIVITY} for account in CUSTOMERS.values()},
            url=url,
            wait=0.1,
        ),
    )
    started = time.perf_counter()
    database = open_database(settings)
    try:
        _say("started", "an embedded server, migrated", time.perf_counter() - started, _peak())
        started = time.perf_counter()
        fetched = fetch(settings, database, Period(FIRST, LAST), datetime(2025, 8, 1, 9, tzinfo=UTC), lambda line: None)
        megabytes = sum(one.path.stat().st_size for one in fetched) / 1e6
        _say("fetched", f"{len(fetched)} documents, {megabytes:.1f} MB", time.perf_counter() - started, _peak())
        started = time.perf_counter()
        rows = sum(load.total.inserted for load in load_paths(database, [statements_folder(settings)]))
        _say("loaded", f"{rows:,} rows", time.perf_counter() - started, _peak())
    finally:
        EmbeddedPostgres(settings.paths.postgres).stop()


def _peak() -> int:
    """Megabytes this process has held at once so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _say(what: str, how_much: str, seconds: float, megabytes: int) -> None:
    sys.stdout.write(f"{what:14}{how_much:36}{seconds:7.2f} s   peak memory {megabytes} MB\n")


if __name__ == "__main__":
    main()
