"""The API as a server on an address of this machine: until Ctrl-C or SIGTERM, or in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import uvicorn
from starlette.types import ASGIApp

from fntx_dagster.api.app import make_app
from fntx_dagster.errors import Transient
from fntx_dagster.services.auditing.settings_changes import note_limits
from fntx_dagster.services.database import Database
from fntx_dagster.services.orders.desk import desk_of
from fntx_dagster.services.orders.watching import watcher_of, watching
from fntx_dagster.serving.collector import spare_the_collector
from fntx_dagster.serving.connections import allow_files, behind
from fntx_dagster.serving.notifying import say_ready
from fntx_dagster.serving.sockets import Sockets
from fntx_dagster.settings import Settings

_END_SECONDS = 5
_PING_SECONDS = 20
_LONGEST_MESSAGE = 4096
"""Bytes of a message of a WebSocket's client; what follows a stream says next to nothing."""


def serve(
    settings: Settings,
    db: Database,
    listening: socket.socket,
    *,
    watches: bool,
    around: Callable[[ASGIApp], ASGIApp] | None = None,
) -> None:
    """Serve the API on a socket until Ctrl-C or SIGTERM, which both raise KeyboardInterrupt once it has ended;
    `watches`: with the watcher of live books beside it; `around`: what is served in its place, which holds it. Raises
    what `desk_of` raises."""
    desk = desk_of(settings, db)
    note_limits(settings, db)
    api = make_app(desk, settings, simulated_time=settings.orders.simulated_time)
    app = around(api) if around else api
    spare_the_collector()
    with watching(watcher_of(settings, desk)) if watches else nullcontext():
        say_ready()  # whoever connects is answered: the socket listens already
        of_pages, proxies = around is not None, settings.web.trusted_proxies
        _server(app, of_pages=of_pages, proxies=proxies).run(sockets=[listening])


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve an API in a thread, on a free port of loopback: its URL. Raises Transient where it does not start."""
    server = _server(app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while thread.is_alive() and not server.started:
        time.sleep(0.005)  # uvicorn says only by this flag that it listens
    if not server.started:
        raise Transient("the API could not be started")
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_END_SECONDS)


def _server(app: ASGIApp, *, of_pages: bool = True, proxies: frozenset[str] = frozenset()) -> uvicorn.Server:
    """`of_pages`: browsers ask it, which keep connections open and send little; through these `proxies`, or none."""
    if of_pages:
        allow_files()
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            http=behind(proxies) if of_pages else "auto",
            lifespan="off",
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws=Sockets,
            ws_ping_interval=_PING_SECONDS,
            ws_ping_timeout=_PING_SECONDS,
            ws_max_size=_LONGEST_MESSAGE,
            ws_per_message_deflate=False,  # messages are short, and the same for all
            timeout_graceful_shutdown=_END_SECONDS,
        )
    )
