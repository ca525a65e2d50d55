"""The connections of the UI's webserver: how many there may be, whose they are, and how long one may say nothing.

Webserver, daemon and the client of the code server share one table of open files: who could fill it with connections
would end all three.
"""

from __future__ import annotations

import asyncio
import resource

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fntx_dagster.defs.askers import is_of_our_user

MOST_CONNECTIONS = 400
"""At once. A browser opens six, and one for each page that it watches."""
_MANY = 100
"""From here on nobody else but our own user gets a connection; below, others get the reason why they are refused."""
SILENT_SECONDS = 15
"""How long a connection may take for its first request."""
_FILES = 65_536


def allow_files() -> None:
    """Raise the limit of open files of this process as far as its user may, to 65,536 at most."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class WatchedConnection(HttpToolsProtocol):
    """A connection that ends at once where there are too many, and soon where no request comes."""

    ours_only = False
    """Whether connections of other users of this machine end at once as soon as there are many."""

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        ends = {"client": transport.get_extra_info("peername")[:2], "server": transport.get_extra_info("sockname")[:2]}
        others_wait = len(self.connections) > _MANY and self.ours_only and not is_of_our_user(ends)
        if len(self.connections) > MOST_CONNECTIONS or others_wait:
            transport.abort()
        else:
            self.loop.call_later(SILENT_SECONDS, self._end_if_silent)

    def _end_if_silent(self) -> None:
        is_upgraded = self.transport.get_protocol() is not self
        if self.cycle is None and not is_upgraded:
            self.transport.close()


class OurConnection(WatchedConnection):
    """One where the guard answers our own user alone."""

    ours_only = True
