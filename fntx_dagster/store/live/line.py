"""A connection of one thread's own, for what is done over and over and must not wait: each statement commits by itself,
in one message to the server and back, where a transaction takes three.

It may LISTEN: `notifies()` of psycopg holds a connection's lock while it waits, so such a connection serves nobody
else. Nothing is lost without it: who waits here reads on from a number every few seconds as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, LiteralString

import psycopg

from fntx_dagster.errors import Transient
from fntx_dagster.store.urls import TRY_AGAIN, first_line, without_password

CHANNEL = "fntx_live"
_KEPT_ALIVE: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


class OwnLine:
    """A connection to the database at `url`, made when it is used first and anew after it was lost; `listens`: for news
    of the stream."""

    def __init__(self, url: str, *, listens: bool = False) -> None:
        self._url, self._listens = url, listens
        self._connection: psycopg.Connection | None = None

    def run(self, statement: LiteralString, values: Mapping[str, Any]) -> psycopg.Cursor:
        """Run a statement, which commits. Raises Transient where the server cannot be reached or goes away: then it is
        not known whether it did; Permanent for a URL that cannot be read."""
        connection = self._connection or self._connect()
        try:
            return connection.execute(statement, values, prepare=True)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            if not connection.broken:
                raise
            self.close()
            raise Transient(f"the connection to the database was lost ({first_line(error)})", TRY_AGAIN) from None

    def wait(self, seconds: float) -> list[str] | None:
        """Wait for news, so long at most: what each says, an empty text where there may be some to read, which is so
        after each connecting; None where there is none. Raises as `run` does."""
        if self._connection is None:
            self._connect()
            return [""]
        try:
            return [news.payload for news in self._connection.notifies(timeout=seconds, stop_after=1)] or None
        except psycopg.Error:
            self.close()
            return [""]

    def close(self) -> None:
        """End the connection; the next use makes another."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> psycopg.Connection:
        with without_password(self._url):
            connection = psycopg.connect(self._url, autocommit=True, application_name="fntx live", **_KEPT_ALIVE)
            if self._listens:
                connection.execute(f"listen {CHANNEL}")
        self._connection = connection
        return connection
