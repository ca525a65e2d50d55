"""An application as the only thing that a process does: until Ctrl-C or SIGTERM."""

from __future__ import annotations

import socket

import uvicorn

from fntx_dagster.serving.asgi import App


def serve_alone(app: App, listening: socket.socket) -> None:
    """Serve an application on a socket; KeyboardInterrupt ends it, and is raised once it has ended."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        limit_concurrency=32,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=5,
        ws="none",
    )
    uvicorn.Server(config).run(sockets=[listening])
