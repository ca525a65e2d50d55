"""Everything that writes the stream, in threads of one process: followers, the relay of the other wings, the purge."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from fntx_dagster.adapters.gateway.telling import Patience
from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.model.snapshot import Snapshot
from fntx_dagster.services.current_day import is_computable
from fntx_dagster.services.live.follow import followers
from fntx_dagster.services.live.holding import Held
from fntx_dagster.services.live.writing import EventWriter
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.live import events
from fntx_dagster.store.live.relaying import relay

RELAY = "relay"
RELAY_SECONDS = 0.25
"""Between two looks at what the ledger and the outbox have recorded."""
_FORGET_SECONDS = 3600
_END_SECONDS = 5
_log = logging.getLogger(__name__)


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
    works = [_Relay(db, settings.orders.trading_day_zone, tempo.relay).run]
    works += [follower.run for follower in followers(settings, db, writer, tempo.patience)]
    threads = [threading.Thread(target=work, args=(ending,), name="fntx live", daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        ending.wait()
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


class _Relay:
    """Makes events of what the ledger and the outbox record, and forgets old ones."""

    def __init__(self, db: Database, zone: str, seconds: float) -> None:
        self._db, self._zone, self._seconds = db, zone, seconds
        self._held = Held(db, RELAY, "the relay of the ledger")
        self._forget_at = 0.0

    def run(self, ending: threading.Event) -> None:
        while self._held.waited(ending):
            self._work(ending)
        self._held.release()

    def _work(self, ending: threading.Event) -> None:
        problem, looked_at = "", time.monotonic()
        while not ending.is_set():
            found = 0
            try:
                found = relay(self._db, self._zone)
                if time.monotonic() >= self._forget_at:
                    events.forget(self._db)
                    self._forget_at = time.monotonic() + _FORGET_SECONDS
                problem = ""
            except FntxError as error:
                if (said := without_accounts(str(error))) != problem:
                    _log.warning("the relay of the ledger: %s", said)
                problem = said
            except Exception:  # of one look: the next tries again
                _log.exception("the relay of the ledger failed")
            if time.monotonic() >= looked_at + 1:
                looked_at = time.monotonic()
                if not self._held.still():
                    return
            if not found:
                ending.wait(self._seconds)
