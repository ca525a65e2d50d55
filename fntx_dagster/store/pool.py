"""The connections that this process has open: one pool of psycopg's for each database, shared by its threads.

A pool begins at the first use of a database, never holds more connections than it may, gives out none that does not
answer, and ends with the process or with `close`. A child that was forked begins with none.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
from collections.abc import Callable
from threading import Lock, Thread
from time import monotonic
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from fntx_dagster.errors import Transient
from fntx_dagster.store.urls import without_password

WAIT_SECONDS = 30.0
"""How long a thread waits for a connection that others use."""

_IDLE_SECONDS = 60.0
_session_name = "fntx"
_CONNECT_SECONDS = 10

# It warns with the server's words, which may hold a part of the URL's password; what failed is raised here instead.
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


def session_name() -> str:
    """What the sessions of this process are called in pg_stat_activity."""
    return _session_name


def call_sessions(name: str) -> str:
    """Give the sessions of this process another name, at the next use of each; returns the name before."""
    global _session_name
    before, _session_name = _session_name, name
    return before


class Pool:
    """The connections to one database, `size` at most."""

    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._size = size
        self._failure: Exception | None = None
        self._pool: ConnectionPool[psycopg.Connection] = ConnectionPool(
            url,
            connection_class=_Connection,
            kwargs={"failed": self._fail, "connect_timeout": _CONNECT_SECONDS, "application_name": session_name()},
            min_size=0,
            max_size=size,
            max_idle=_IDLE_SECONDS,
            timeout=WAIT_SECONDS,
            num_workers=1,
            open=True,
        )

    def take(self) -> psycopg.Connection:
        """A connection that answers. Raises Transient when the server cannot be reached or every connection is in use
        for too long, Permanent for a URL that cannot be read."""
        deadline = monotonic() + WAIT_SECONDS
        while True:
            try:
                connection = self._pool.getconn(deadline - monotonic())
            except PoolTimeout:
                raise Transient(
                    f"each of the {self._size} connections that this process may have to the database is in use",
                    "Try again when the work that uses them has ended, or raise FNTX_DATABASE_CONNECTIONS",
                ) from None
            except PoolClosed:
                raise self._reason() from None
            try:
                if not is_quiet(connection.fileno()):
                    # The pool's own `check` would sleep for a second after each connection that was cut.
                    ConnectionPool.check_connection(connection)
                if connection.info.parameter_status("application_name") != _session_name:
                    connection.execute("select set_config('application_name', %s, false)", [_session_name])
                    connection.commit()
            except psycopg.OperationalError:
                self._pool.putconn(connection)
            else:
                return connection

    def give_back(self, connection: psycopg.Connection) -> None:
        """Keep a connection for its next use. One in autocommit may hold locks and is closed."""
        if connection.autocommit:
            connection.close()
        self._pool.putconn(connection)

    @property
    def is_open(self) -> bool:
        """Whether connections can be taken."""
        return not self._pool.closed

    def close(self) -> None:
        """Close every idle connection; those in use are closed when they are given back."""
        self._pool.close()

    def _fail(self, error: Exception) -> None:
        """End the pool, so that those who wait hear at once that the server cannot be reached."""
        self._failure = error
        # The pool's own thread reports this, and would wait for its own end.
        Thread(target=self._pool.close, daemon=True).start()

    def _reason(self) -> Exception:
        try:
            with without_password(self._url):
                raise self._failure or psycopg.OperationalError("the pool of connections was closed")
        except Exception as reason:
            return reason


def is_quiet(fileno: int) -> bool:
    """Whether the server has said nothing on a connection that asks for nothing. A server that ends one says so, and
    it need not be asked whether it still answers."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return not poll.poll(0)


class _Connection(psycopg.Connection[Any]):
    """A connection whose pool hears why it could not be made."""

    @classmethod
    def connect(  # pyright: ignore[reportIncompatibleMethodOverride]  # only the pool calls it, with its own arguments
        cls, conninfo: str = "", *, failed: Callable[[Exception], None], **kwargs: Any
    ) -> psycopg.Connection[Any]:
        try:
            return super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            failed(error)
            raise


# -- the pools of this process --------------------------------------------------------------------------------------

_lock = Lock()
_pools: dict[str, Pool] = {}
"""Database URL → its pool."""
_of_the_parent: list[dict[str, Pool]] = []


def pool_of(url: str, size: int) -> Pool:
    """The pool of a database, which the first use opens."""
    with _lock:
        pool = _pools.get(url)
        if pool is None or not pool.is_open:
            pool = _pools[url] = Pool(url, size)
        return pool


def close(url: str) -> None:
    """Close the connections to a database; its next use opens others."""
    with _lock:
        pool = _pools.pop(url, None)
    if pool:
        pool.close()


@atexit.register
def _close_all() -> None:
    for url in [*_pools]:
        close(url)


def _forget() -> None:
    """A child shares its parent's sockets: it leaves them alone, and never lets go of what would close them."""
    global _lock, _pools
    _of_the_parent.append(_pools)
    _lock, _pools = Lock(), {}


os.register_at_fork(after_in_child=_forget)
