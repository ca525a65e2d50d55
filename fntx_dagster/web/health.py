"""`/healthz` and `/readyz`: whether the process lives, and whether it can answer. They need no visitor and tell nothing
else.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fntx_dagster.errors import FntxError
from fntx_dagster.services.database import Database, answers_now

PATHS = ("/healthz", "/readyz")


def answers(db: Database) -> Starlette:
    """What probes ask of a site on this database."""

    async def alive(_request: Request) -> Response:
        return _said(200, "alive")

    def ready(_request: Request) -> Response:
        try:
            answers_now(db)
        except FntxError:
            return _said(503, "the database does not answer")
        return _said(200, "ready")

    return Starlette(routes=[Route(path, answer) for path, answer in zip(PATHS, (alive, ready), strict=True)])


def _said(status: int, text: str) -> Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return PlainTextResponse(f"{text}\n", status, headers)
