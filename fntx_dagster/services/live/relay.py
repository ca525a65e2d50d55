"""The relay: makes events of what the ledger, the outbox and the alerts record, and removes old events.

What fails of one book or source holds no other up: it is tried again after a second, then after twice as long each
time, and is logged once.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import NamedTuple

from fntx_dagster.errors import FntxError, Transient, without_accounts
from fntx_dagster.services.live.holding import Held
from fntx_dagster.store.database import Database
from fntx_dagster.store.live import forgetting, relaying

RELAY = "relay"
RELAY_SECONDS = 0.25
"""Between two looks at what has been recorded."""
_FORGET_SECONDS = 3600
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
_log = logging.getLogger(__name__)


class _Failure(NamedTuple):
    reason: str
    wait: float
    again_at: float


class Relay:
    """The relay of one database, in a thread. `zone`: in which a trading day of the ledger ends at midnight."""

    def __init__(self, db: Database, zone: str, seconds: float = RELAY_SECONDS) -> None:
        self._db, self._zone, self._seconds = db, zone, seconds
        self._held = Held(db, RELAY, "the relay")
        self._forget_at = 0.0
        self._failures: dict[str, _Failure] = {}

    def run(self, ending: threading.Event) -> None:
        """Relay until `ending` is set, whenever no other process does."""
        while self._held.waited(ending):
            self._work(ending)
        self._held.release()

    def look(self) -> int:
        """Append the events of what has been recorded, a few hundred of each source: how many there were. Raises what
        `connect` raises."""
        appended = 0
        for source in relaying.waiting(self._db):
            failure = self._failures.get(source.name)
            if failure and time.monotonic() < failure.again_at:
                continue
            try:
                appended += relaying.relay(self._db, self._zone, source)
            except Transient:
                raise
            except Exception as error:
                self._note(source.name, _reason(error), failure)
            else:
                self._failures.pop(source.name, None)
        return appended

    def _note(self, name: str, reason: str, before: _Failure | None) -> None:
        if before is None or before.reason != reason:
            _log.error("no events are made of the %s: %s", name, reason)
        wait = min(before.wait * 2, _LONGEST_WAIT) if before else _FIRST_WAIT
        self._failures[name] = _Failure(reason, wait, time.monotonic() + wait)

    def _work(self, ending: threading.Event) -> None:
        problem, looked_at = "", time.monotonic()
        while not ending.is_set():
            appended = 0
            try:
                appended = self.look()
                if time.monotonic() >= self._forget_at:
                    forgetting.forget(self._db)
                    self._forget_at = time.monotonic() + _FORGET_SECONDS
                problem = ""
            except Exception as error:  # of one look: the next tries again
                if (reason := _reason(error)) != problem:
                    _log.warning("the relay waits: %s", reason)
                problem = reason
                ending.wait(_FIRST_WAIT)
            if time.monotonic() >= looked_at + 1:
                looked_at = time.monotonic()
                if not self._held.still():
                    return
            if not appended:
                ending.wait(self._seconds)


def _reason(error: Exception) -> str:
    return without_accounts(str(error) if isinstance(error, FntxError) else repr(error))
