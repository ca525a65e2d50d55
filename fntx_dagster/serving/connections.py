"""The connections of a webserver: how many there may be, whose they are, how long one may say nothing, and how much it
may say before it asks for something.

A webserver shares its table of open files with what else its process does: who could fill it with connections would
end all of it.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fntx_dagster.serving.asgi import counted_as, is_loopback
from fntx_dagster.serving.askers import is_of_our_user

MOST_CONNECTIONS = 400
"""At once. A browser opens six, and one for each page that it watches."""
_MANY = 100
"""From here on nobody else but our own user gets a connection; below, others get the reason why they are refused."""
SILENT_SECONDS = 15
"""How long a connection may take for the head of a request."""
WHOLE_SECONDS = 60
"""How long a request may take to come, with its body."""
LARGEST_HEAD = 64 * 1024
"""In bytes: the first line of a request and its headers."""
_FILES = 65_536


def allow_files() -> None:
    """Raise the limit of open files of this process as far as its user may, to 65,536 at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class WatchedConnection(HttpToolsProtocol):
    """A connection that ends at once where there are too many, and soon where no request comes."""

    most = MOST_CONNECTIONS
    most_of_one: int | None = None
    """Of one client's address; None: as many as there may be at all. This machine's own are not counted."""
    proxies: frozenset[str] = frozenset()
    """Addresses that connect for others: they are not counted either, and count their clients themselves."""
    ours_only = False
    """Whether connections of other users of this machine end at once as soon as there are many."""

    _head = 0
    """How many bytes have come of a head that is not complete."""
    _in_head = True
    _deadline: asyncio.TimerHandle | None = None
    """When the connection ends unless the head, or the whole request, has come."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        ends = {"client": transport.get_extra_info("peername")[:2], "server": transport.get_extra_info("sockname")[:2]}
        others_wait = len(self.connections) > _MANY and self.ours_only and not is_of_our_user(ends)
        if len(self.connections) > self.most or others_wait or self._has_too_many(ends["client"][0]):
            transport.abort()
        else:
            self._expect_within(SILENT_SECONDS)

    def _has_too_many(self, client: str) -> bool:
        if (
            self.most_of_one is None
            or client in self.proxies
            or is_loopback(f"[{client}]" if ":" in client else client)
        ):
            return False
        known = [counted_as(each.transport.get_extra_info("peername")[0]) for each in self.connections]
        return known.count(counted_as(client)) > self.most_of_one

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect_nothing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head > LARGEST_HEAD:
            self.transport.abort()

    def on_message_begin(self) -> None:
        self._in_head = True
        if self.cycle is not None:  # the first request's time began with the connection
            self._expect_within(SILENT_SECONDS)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head = False, 0
        self._expect_within(WHOLE_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._expect_nothing()
        super().on_message_complete()

    def _expect_within(self, seconds: float) -> None:
        self._expect_nothing()
        self._deadline = self.loop.call_later(seconds, self._end_if_late)

    def _expect_nothing(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_if_late(self) -> None:
        if self.transport.get_protocol() is self:  # else it became a socket
            self.transport.abort()


class OurConnection(WatchedConnection):
    """One where the guard answers our own user alone."""

    ours_only = True


class BusyConnection(WatchedConnection):
    """One of a server whose pages many watch: each keeps a socket open."""

    most = 2000
    most_of_one = 100


def behind(proxies: frozenset[str]) -> type[BusyConnection]:
    """The same of a server that these proxies connect to."""
    return type("BusyConnection", (BusyConnection,), {"proxies": proxies})
