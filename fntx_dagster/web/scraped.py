"""What Prometheus asks: `/metrics`, and `/healthz`. A scraper of this machine needs no token unless one is set."""

from __future__ import annotations

import hmac

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from fntx_dagster.services.monitoring import CONTENT_TYPE, Scraped
from fntx_dagster.serving.asgi import host_alone, is_loopback

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def scraped_app(scraped: Scraped, token: str | None) -> ASGIApp:
    """The application. With a token each request for the figures brings it (`Authorization: Bearer`); without one a
    request names this machine as its host, so that no page of a stranger can read the figures."""

    async def metrics(request: Request) -> Response:
        if not _may_ask(request, token):
            return PlainTextResponse("not allowed\n", 401 if token else 403, _HEADERS)
        text = await run_in_threadpool(scraped.text)
        return Response(text, headers=_HEADERS, media_type=CONTENT_TYPE)

    async def alive(_request: Request) -> Response:
        return PlainTextResponse("alive\n", headers=_HEADERS)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", alive)])


def _may_ask(request: Request, token: str | None) -> bool:
    if token is not None:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode())
    host = host_alone(request.headers.get("host", "").lower())
    return host is not None and is_loopback(host)
