"""A month of 1,000 trades a day for 3 accounts is generated, fetched and loaded: `python bench/month.py`.

The broker has a process of its own, so that the reported memory is the platform's. It delivers one document per account
through its web service as fast as it can; the tokens are used side by side, with two seconds between two requests of
one, as always.
"""

from __future__ import annotations

import multiprocessing
import sys
from datetime import UTC, date, datetime
from multiprocessing.connection import Connection

from measuring import clocked, home, peak
from pydantic import SecretStr

from fntx_dagster.model.period import Period
from fntx_dagster.services.fetching import fetch
from fntx_dagster.services.loading import statements_folder
from fntx_dagster.settings import Settings
from fntx_dagster.settings.flex import FlexSettings
from fntx_dagster.simulate.delivery import ACTIVITY, QUERIES, answers
from fntx_dagster.simulate.trading import trade
from fntx_dagster.simulate.webservice import serve
from fntx_dagster.store.opening import open_database
from fntx_dagster.store.raw_flex.statements import load_paths

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
        with home() as settings:
            _fetch_and_load(settings, url)
    finally:
        pipe.close()
        broker.join()


def _broker(pipe: Connection) -> None:
    """Trades, and serves until the other end goes away."""
    accounts, seconds = clocked(lambda: trade(1, CUSTOMERS.values(), FIRST, LAST, trades_per_day=TRADES_PER_DAY))
    customers = {token: [account] for token, account in zip(CUSTOMERS, accounts, strict=True)}
    executions = sum(len(day.fills) for account in accounts for day in account.days)
    statements = answers(customers, lambda: LAST)
    with serve(statements, dict.fromkeys(customers, QUERIES)) as service:
        pipe.send((service.url, executions, seconds, peak()))
        try:
            pipe.recv()
        except EOFError:
            return


def _fetch_and_load(settings: Settings, url: str) -> None:
    flex = FlexSettings(
        tokens={account: SecretStr(token) for token, account in CUSTOMERS.items()},
        queries={account: {f"Activity_{account}": ACTIVITY} for account in CUSTOMERS.values()},
        url=url,
        wait=0.1,
    )
    settings = settings.model_copy(update={"flex": flex})
    database, seconds = clocked(lambda: open_database(settings))
    _say("started", "an embedded server, migrated", seconds, peak())
    morning = datetime(2025, 8, 1, 9, tzinfo=UTC)
    fetched, seconds = clocked(lambda: fetch(settings, database, Period(FIRST, LAST), morning, lambda line: None))
    megabytes = sum(file.stat().st_size for file in statements_folder(settings).rglob("*.xml")) / 1e6
    _say("fetched", f"{len(fetched)} documents, {megabytes:.1f} MB", seconds, peak())
    loads, seconds = clocked(lambda: load_paths(database, [statements_folder(settings)]))
    _say("loaded", f"{sum(load.total.inserted for load in loads):,} rows", seconds, peak())


def _say(what: str, how_much: str, seconds: float, megabytes: int) -> None:
    sys.stdout.write(f"{what:14}{how_much:36}{seconds:7.2f} s   peak memory {megabytes} MB\n")


if __name__ == "__main__":
    main()
