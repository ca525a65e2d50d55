"""Everything that writes the stream, in threads of one process: followers, the relay of the other wings, the purge."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fntx_dagster.adapters.gateway.telling import Patience
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.services.current_day import is_computable
from fntx_dagster.services.live.follow import followers
from fntx_dagster.services.live.relay import RELAY_SECONDS, Relay
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database

_END_SECONDS = 5
_LOOK_SECONDS = 1


class Tempo(NamedTuple):
    """Seconds between two looks of the relay, and how patient followers are."""

    relay: float = RELAY_SECONDS
    patience: Patience | None = None


def run(settings: Settings, db: Database, ending: threading.Event, tempo: Tempo | None = None) -> None:
    """Write the stream until `ending` is set. What another process does already, this one waits for."""
    tempo = tempo or Tempo()

    def keeps(snapshot: Snapshot) -> bool:
        return is_computable(settings, db, snapshot)

    writer = EventWriter(db, keeps)
    works = [Relay(db, settings.orders.trading_day_zone, tempo.relay).run]
    works += [follower.run for follower in followers(settings, db, writer, tempo.patience)]
    threads = [threading.Thread(target=work, args=(ending,), name="fntx live", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        while not ending.wait(_LOOK_SECONDS):
            pass  # Python sees a signal that another thread took when this one wakes
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
