"""Hearing at once that the stream has new events: a connection of its own that LISTENs.

`notifies()` of psycopg holds a connection's lock while it waits, so it serves nobody else. Nothing is lost without it:
who waits here reads on from a number every few seconds as well.
"""

from __future__ import annotations

from contextlib import suppress

import psycopg

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.urls import without_password

_CHANNEL = "fntx_live"
_CONNECT_SECONDS = 5


class Listening:
    """A connection to the database at `url` that waits for events of the stream; made anew after it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.Connection | None = None

    def wait(self, seconds: float) -> bool:
        """Wait for news, so long at most; True where there may be some, which is so after each connecting. Raises
        Transient while the server cannot be reached, Permanent for a URL that cannot be read."""
        if self._connection is None:
            self._connect()
            return True
        try:
            return next(self._connection.notifies(timeout=seconds, stop_after=1), None) is not None
        except psycopg.Error:
            self.close()
            return True

    def close(self) -> None:
        """End the connection; the next wait makes another."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def _connect(self) -> None:
        try:
            with without_password(self._url):
                self._connection = psycopg.connect(
                    self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS, application_name="fntx live"
                )
                self._connection.execute(f"listen {_CHANNEL}")
        except (Transient, Permanent):
            self.close()
            raise
