"""The heartbeat of a run: that it lives is written while it works, and a run that is silent for too long is given up,
whatever launched it.

A machine that died says nothing, and most launchers do not notice. Where a process was only paused, it is given up all
the same: its sessions in the database are ended, it writes nothing when it wakes up, and ends at its next heartbeat.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from fntx_dagster.errors import FntxError
from fntx_dagster.settings import Settings, export
from fntx_dagster.store import pool, run_heartbeats
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.run_heartbeats import LivingRun, Silence, session_name

__all__ = ["Silence", "give_up", "is_silent", "living", "silences"]

_BEATS = 10
"""Heartbeats within the time after which a run counts as silent: thirty seconds, and five minutes."""


@contextmanager
def living(
    settings: Settings,
    opened: Callable[[], Database],
    run_id: str,
    launcher: str,
    shard: str,
    on_given_up: Callable[[], None],
) -> Iterator[None]:
    """While inside, a thread writes that a run lives, and the sessions of this process carry the run's name. `opened`
    gives the database.
    `on_given_up` is called, in that thread, where somebody has given the run up: the process has to end.

    A heartbeat that cannot be written is no error: the next one is tried, and a database that is away says so itself.
    """
    before = pool.call_sessions(session_name(run_id))
    export({"PGAPPNAME": session_name(run_id)})  # for Dagster's own connections, and dbt's
    ending = threading.Event()
    own = LivingRun(run_id, socket.gethostname(), os.getpid(), launcher, shard)

    def beat() -> None:
        heard = False
        while True:
            with suppress(FntxError):
                db = opened()
                heard = run_heartbeats.beat(db, run_id) if heard else run_heartbeats.begin(db, own)
                if not heard:
                    return on_given_up()
            if ending.wait(settings.dagster.run_silence / _BEATS):
                return None

    thread = threading.Thread(target=beat, name="fntx-run-heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        with suppress(FntxError):
            run_heartbeats.end(opened(), run_id)
        pool.call_sessions(before)
        export({"PGAPPNAME": before})


def silences(db: Readable, run_ids: list[str]) -> Mapping[str, Silence]:
    """Run → how long nothing was heard of it, of the runs that ever wrote a heartbeat."""
    return run_heartbeats.silences(db, run_ids)


def is_silent(settings: Settings, seconds: float) -> bool:
    """Whether a run that was heard of so long ago counts as dead."""
    return seconds > settings.dagster.run_silence


def give_up(settings: Settings, db: Database, run_id: str, *, has_beaten: bool) -> bool:
    """Give a silent run up and end its sessions; False where it was heard of meanwhile. `has_beaten`: it wrote a
    heartbeat at all; one that died before its first has no row."""
    if has_beaten:
        return run_heartbeats.give_up(db, run_id, settings.dagster.run_silence)
    run_heartbeats.end_sessions(db, run_id)
    return True
