"""Locks that PostgreSQL holds for one process among all machines that share the database: each ends with the connection
that took it. `AdvisoryLock` is asked for and kept for hours; `holding` waits for its turn and has it for one piece of
work.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fntx_dagster.store import pool
from fntx_dagster.store.database import Database
from fntx_dagster.store.urls import without_password

_DOUBTFUL_SECONDS = 180
"""For how long after a lost connection another holder may be our own old session, of which the server has not heard."""
_OF_THE_SERVER = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
_OF_THE_CLIENT = {
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Where the network is cut, a query ends before the server frees the lock, about a minute later."""

_WHILE_HELD = """set tcp_keepalives_idle = 30; set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3;
    set statement_timeout = 0; set lock_timeout = 0; set idle_session_timeout = 0"""
"""The server frees the lock about a minute after the holder's machine was cut off, and lets holders and waiters be."""


@contextmanager
def holding(db: Database, name: str, *, shared: bool = False) -> Iterator[None]:
    """Hold the lock called `name`, alone or with others that share it; waits for as long as others are in the way.

    Who waits to be alone comes before those who ask later to share. Raises what `Database.connect` raises.
    """
    take = "pg_advisory_lock_shared" if shared else "pg_advisory_lock"
    with db.connect() as connection:
        connection.autocommit = True  # the connection is closed afterwards, and the lock ends with it
        connection.execute(_WHILE_HELD)
        connection.execute(f"select {take}(hashtextextended(%s, 0))", (name,))
        yield


class AdvisoryLock:
    """The lock called `name` in the database at `url`."""

    def __init__(self, url: str, name: str) -> None:
        self._url, self._name = url, name
        self._connection: psycopg.Connection | None = None
        self._refused_since: float | None = None

    def take(self) -> bool:
        """Take it; False where another process has it. Raises Transient where the server cannot be reached."""
        self.release()
        with without_password(self._url):
            own = conninfo_to_dict(self._url).get("options")
            options = f"{own} {_OF_THE_SERVER}" if own else _OF_THE_SERVER
            url = make_conninfo(self._url, options=options, **_OF_THE_CLIENT)
            self._connection = psycopg.connect(
                url, autocommit=True, connect_timeout=10, application_name=pool.session_name()
            )
            query = "select pg_try_advisory_lock(hashtextextended(%s, 0))"
            [(is_ours,)] = self._connection.execute(query, [self._name])
        if not is_ours:
            self.release()
        return is_ours

    def holds(self) -> bool:
        """Whether it is held still: the connection that took it lives."""
        with suppress(psycopg.Error):
            return self._connection is not None and self._connection.execute("select true").fetchone() is not None
        return False

    def may_go_on(self) -> bool:
        """Whether the process that took it may go on: it holds the lock, which is taken again where the connection was
        lost, or another session has held it for less than three minutes. That session may be its own old one, which
        the server has not ended yet; it is another process only if that one took the lock in between. Raises Transient
        while the server cannot be reached."""
        if self.holds():
            return True
        if self.take():
            self._refused_since = None
            return True
        now = time.monotonic()
        self._refused_since = self._refused_since or now
        return now - self._refused_since < _DOUBTFUL_SECONDS

    def release(self) -> None:
        """Give it back; nothing where it is not held."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
