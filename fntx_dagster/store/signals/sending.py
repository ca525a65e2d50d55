"""Who sends the orders of a signal: one at a time among all processes, until the connection that took the lock ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from fntx_dagster.errors import Transient
from fntx_dagster.store import pool
from fntx_dagster.store.database import Database
from fntx_dagster.store.urls import without_password

WAIT_SECONDS = 10.0


@contextmanager
def sender(db: Database, code: str, unique_id: str, seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Be the only one who sends the orders of a signal, or says that they have ended. The lock has a connection of its
    own, so that those who hold one wait for nobody's of the pool. Raises Transient where another has it for longer than
    `seconds`."""
    with without_password(db.url):
        connection = psycopg.connect(db.url, autocommit=True, connect_timeout=10, application_name=pool.session_name())
    with connection:
        connection.execute("select set_config('lock_timeout', %s, false)", (f"{max(1, round(seconds * 1000))}ms",))
        try:
            connection.execute("select pg_advisory_lock(hashtextextended(%s, 0))", (f"fntx signal {code} {unique_id}",))
        except psycopg.errors.LockNotAvailable:
            raise Transient("the orders of this signal are being sent", "Try again in a moment") from None
        yield
