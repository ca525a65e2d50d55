"""Everything that writes the stream, in threads of one process: followers, the relay of the other wings, the purge."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from fntx_dagster.adapters.gateway.telling import Patience
from fntx_dagster.errors import FntxError
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.services.alerting import record
from fntx_dagster.services.current_day import is_computable
from fntx_dagster.services.live.away import observed_gateways
from fntx_dagster.services.live.follow import followers
from fntx_dagster.services.live.relay import RELAY_SECONDS, Relay
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

_END_SECONDS = 5
_LOOK_SECONDS = 1
_HAND_OVER_SECONDS = 0.0005
"""How soon, in all threads of the process, one that computes lets another go on that has an event to pass on."""


class Tempo(NamedTuple):
    """Seconds between two looks of the relay, and between two for gateways that are away; how patient followers are."""

    relay: float = RELAY_SECONDS
    patience: Patience | None = None
    away: float = 30


def run(
    settings: Settings,
    db: Database,
    ending: threading.Event,
    tempo: Tempo | None = None,
    accounts: Collection[str] | None = None,
) -> None:
    """Write the stream until `ending` is set. What another process does already, this one waits for. `accounts`: whose
    gateways are followed; of all in the settings where None."""
    tempo = tempo or Tempo()
    sys.setswitchinterval(_HAND_OVER_SECONDS)

    def keeps(snapshot: Snapshot) -> bool:
        return is_computable(settings, db, snapshot)

    writer = EventWriter(db, keeps)
    works = [Relay(db, settings.orders.trading_day_zone, tempo.relay).run]
    works += [follower.run for follower in followers(settings, db, writer, tempo.patience, accounts)]
    threads = [threading.Thread(target=work, args=(ending,), name="fntx live", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        looked_at = time.monotonic()
        while not ending.wait(_LOOK_SECONDS):  # Python sees a signal that another thread took when this one wakes
            if settings.gateway.addresses and time.monotonic() >= looked_at + tempo.away:
                looked_at = time.monotonic()
                with suppress(FntxError):  # the next look tells
                    record(db, [observed_gateways(db, datetime.now(UTC))])
    finally:
        ending.set()
        for thread in threads:
            thread.join(_END_SECONDS)
        writer.close(_END_SECONDS)


@contextmanager
def writing(settings: Settings, db: Database, tempo: Tempo | None = None) -> Iterator[None]:
    """The stream is written, in threads of this process, for as long as what is inside."""
    ending = threading.Event()
    thread = threading.Thread(target=run, args=(settings, db, ending, tempo), name="fntx live", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join(3 * _END_SECONDS)
