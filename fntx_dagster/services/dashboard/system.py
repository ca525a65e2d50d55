"""How the platform runs: what is loaded and missing, what waits for the chain, what Dagster did, what is installed.

Each part is bounded; none contacts the broker or the chain. The doctor does, and is run apart.
"""

from __future__ import annotations

import platform
import threading
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import NamedTuple

from fntx_dagster.errors import FntxError
from fntx_dagster.model.chain import Unfinished, WaitingCommitment
from fntx_dagster.services.accounts import NumberedAccount, numbered_accounts
from fntx_dagster.services.doctor.examining import Examined, examine
from fntx_dagster.services.orders.health import TaskState, watcher_state
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.status import AccountState, Fetch
from fntx_dagster.settings import Settings
from fntx_dagster.store import health
from fntx_dagster.store.dagster_runs import DagsterFacts, dagster_facts
from fntx_dagster.store.health import ServerFacts
from fntx_dagster.store.marts.status import account_states
from fntx_dagster.store.outbox import commitments, sendings
from fntx_dagster.store.raw_flex import fetches

_RUNS, _QUEUED = 20, 100
_PORT = 3000
_SHORT_SECONDS = 3.0


class Versions(NamedTuple):
    """What is installed, and the database with its size in bytes."""

    program: str
    python: str
    server: ServerFacts


class SystemShown(NamedTuple):
    """Accounts with their states, the last request of each query, records and commitments that are not final (100 at
    most), the watcher's tasks, what Dagster keeps (None: its storage does not answer, as `dagster_problem` says)."""

    accounts: list[tuple[NumberedAccount, AccountState]]
    fetches: list[Fetch]
    queue: list[tuple[Unfinished, int]]
    commitments: Sequence[WaitingCommitment]
    watcher: list[TaskState]
    versions: Versions
    dagster: DagsterFacts | None
    dagster_problem: str | None


def system(settings: Settings, desk: Desk) -> SystemShown:
    """Read all of it, what is ours from one snapshot."""
    dagster, problem = None, None
    with desk.db.snapshot() as db:
        named = {account.account_id: account for account in numbered_accounts(db)}
        states = account_states(db)
        parts = (
            [(named[state.account_id], state) for state in states],
            fetches.latest(db),
            sendings.attempts_made(db, _QUEUED),
            commitments.commitments(db, unfinished=True)[:_QUEUED],
        )
        server = health.server_facts(db)
    try:
        dagster = dagster_facts(settings, _RUNS)
    except FntxError as error:
        problem = error.message
    versions = Versions(version("fntx-dagster"), platform.python_version(), server)
    return SystemShown(*parts, watcher_state(desk), versions, dagster, problem)


class Examination(NamedTuple):
    """What the doctor found, and when; `ended` is None while it runs."""

    asked: datetime
    ended: datetime | None = None
    found: tuple[Examined, ...] = ()


class Examinations:
    """The examinations by the doctor that one process was asked for, each in a thread of its own, one at a time."""

    def __init__(self) -> None:
        self._last: dict[str, Examination] = {}
        self._guard = threading.Lock()

    def last(self, settings: Settings) -> Examination | None:
        """The newest examination of a home; None where nobody asked for one."""
        return self._last.get(f"{settings.paths.home}")

    def begin(self, settings: Settings, now: datetime) -> None:
        """Begin an examination, unless one runs, and wait three seconds for its end; it takes a minute and a half at
        most."""
        with self._guard:
            last = self.last(settings)
            if last and not last.ended:
                return
            self._last[f"{settings.paths.home}"] = Examination(now)
        thread = threading.Thread(target=self._look, args=(settings, now), name="the doctor", daemon=True)
        thread.start()
        thread.join(_SHORT_SECONDS)

    def _look(self, settings: Settings, now: datetime) -> None:
        found: tuple[Examined, ...] = ()
        try:
            found = tuple(examine(_PORT, settings))
        finally:
            self._last[f"{settings.paths.home}"] = Examination(now, datetime.now(now.tzinfo), found)


EXAMINATIONS = Examinations()
"""Those of this process."""
