"""`/healthz` and `/readyz`: whether the process lives, and whether it can answer. They need no visitor and tell nothing
else.
"""

from __future__ import annotations

import threading
import time

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fntx_dagster.errors import FntxError
from fntx_dagster.services.database import Database, answers_now

PATHS = ("/healthz", "/readyz")
_READY, _NOT_READY = (200, "ready"), (503, "the database does not answer")
_TRUST_SECONDS = 1.0


def answers(db: Database) -> Starlette:
    """What probes ask of a site on this database."""

    async def alive(_request: Request) -> Response:
        return _said(200, "alive")

    asking = threading.Lock()
    until, answer = 0.0, _READY

    def ready(_request: Request) -> Response:
        nonlocal until, answer
        with asking:  # anybody may ask: one connection at a time, and one question a second
            if time.monotonic() >= until:
                try:
                    answers_now(db)
                    answer = _READY
                except FntxError:
                    answer = _NOT_READY
                until = time.monotonic() + _TRUST_SECONDS
        return _said(*answer)

    return Starlette(routes=[Route(path, answer) for path, answer in zip(PATHS, (alive, ready), strict=True)])


def _said(status: int, text: str) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(f"{text}\n", status, headers)
