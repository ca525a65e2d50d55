"""A followed account for tests: a simulated gateway, the writers of the stream, and what comes out of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from typing import Any

from fntx_dagster.adapters.gateway.telling import Patience
from fntx_dagster.model.live import LiveEvent
from fntx_dagster.services.live.running import Tempo, run
from fntx_dagster.settings import Settings
from fntx_dagster.settings.groups import GatewaySettings
from fntx_dagster.simulate.gateway import SimulatedGateway, serve
from fntx_dagster.simulate.gateway_accounts import ACCOUNT, PUT_635, QUARTER_PAST_TEN, GatewayFill, july_28
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.events import events_after

QUICK = Patience(first_wait=0.1, longest_wait=0.5, quiet=1, answer=1, commission=0.1, snapshot=0.2)
_numbers = count(1)


def settings_of(gateway: SimulatedGateway, **fields: Any) -> Settings:
    """Settings that name the gateway as that of the account of 28 July."""
    addresses = {account.account_id: f"127.0.0.1:{gateway.port}" for account in gateway.accounts}
    return Settings(gateway=GatewaySettings(addresses=addresses), **fields)


def fill(
    gateway: SimulatedGateway, quantity: str = "-1", commission_after: float | None = 0, account: str = ACCOUNT
) -> str:
    """The account sells one more put; the fill's execution id."""
    name = f"0000ffff.{next(_numbers):08x}.01.01"
    done = GatewayFill(name, gateway.now, PUT_635, Decimal(quantity), Decimal("0.1"), Decimal("0.86"))
    gateway.fill(account, done, commission_after)
    return name


@contextmanager
def written(settings: Settings, db: Database, patience: Patience = QUICK) -> Iterator[None]:
    """The stream is written, in this process."""
    ending = threading.Event()
    thread = threading.Thread(target=run, args=(settings, db, ending, Tempo(0.05, patience)))
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(30)
        assert not thread.is_alive()


@contextmanager
def followed(db: Database, **serving: Any) -> Iterator[SimulatedGateway]:
    """The account of 28 July, followed into a database."""
    with serve(july_28(), now=QUARTER_PAST_TEN, runs=True, **serving) as gateway, written(settings_of(gateway), db):
        until(lambda: kinds(db).get("nav"))
        yield gateway


def stored(db: Database) -> list[LiveEvent]:
    """Every event, in order."""
    return events_after(db, 0, 1_000_000)


def kinds(db: Database) -> dict[str, list[LiveEvent]]:
    """Kind → its events."""
    found: dict[str, list[LiveEvent]] = {}
    for event in stored(db):
        found.setdefault(event.kind, []).append(event)
    return found


def fills(db: Database) -> list[str]:
    """The execution ids of the fills, in the order of the events."""
    return [event.body["execution_id"] for event in stored(db) if event.kind == "fill"]


def until(is_so: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until something is so; what it is then."""
    end = time.monotonic() + seconds
    while not (found := is_so()):
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)
    return found


def said(message: str | bytes) -> dict[str, Any]:
    """A message of the stream."""
    return json.loads(message)
