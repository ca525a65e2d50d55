"""A task that one process does for all that share the database: whose turn it is, and that it works."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import suppress

from fntx_dagster.errors import FntxError, without_accounts
from fntx_dagster.store.advisory import AdvisoryLock
from fntx_dagster.store.database import Database
from fntx_dagster.store.live.states import beat

BEAT_SECONDS = 5
UNATTENDED_SECONDS = 3 * BEAT_SECONDS
"""A task that nobody has said to do for so long is done by nobody."""
_WAIT_SECONDS = 3.0
"""Between two looks whether the lock is free."""
_log = logging.getLogger(__name__)


class Held:
    """The task called `name`; `said`: what it is called in the log."""

    def __init__(self, db: Database, name: str, said: str) -> None:
        self._db, self._name, self._said = db, name, said
        self._lock = AdvisoryLock(db.url, f"fntx live: {name}")
        self._holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._beat_at = 0.0
        self._problem = ""

    def waited(self, ending: threading.Event) -> bool:
        """Wait until the task is this process's; False where `ending` is set before."""
        while not ending.is_set():
            try:
                if self._lock.take():
                    self._beat_at, self._problem = 0.0, ""
                    self._beat()
                    return True
            except FntxError as error:
                if (problem := without_accounts(str(error))) != self._problem:
                    _log.warning("%s waits: %s", self._said, problem)
                self._problem = problem
            ending.wait(_WAIT_SECONDS)
        return False

    def still(self) -> bool:
        """Whether the lock is held still; every few seconds it is also said that the task is done."""
        if not self._lock.holds():
            return False
        self._beat()
        return True

    def release(self) -> None:
        """Let another process have it."""
        self._lock.release()

    def _beat(self) -> None:
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + BEAT_SECONDS
            with suppress(FntxError):
                beat(self._db, self._name, self._holder)
