"""The stream served to an owner, in a process of its own: `python -m tests.stream_server PORT`."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from fntx_dagster.services.database import open_database
from fntx_dagster.services.live.stream import Stream
from fntx_dagster.services.visitors.visitor import OWNER, Visitor
from fntx_dagster.serving.sockets import Sockets
from fntx_dagster.settings import load_settings
from fntx_dagster.web.live import live_endpoint


class AsOwner:
    """Every visitor is the owner."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["visitor"] = Visitor("owner", OWNER)
        await self._app(scope, receive, send)


if __name__ == "__main__":
    stream = Stream(open_database(load_settings()))
    app = AsOwner(Starlette(routes=[WebSocketRoute("/live", live_endpoint(stream))]))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error", lifespan="off", ws=Sockets)
