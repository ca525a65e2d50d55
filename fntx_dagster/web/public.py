"""What strangers see: `/v` checks a file, `/s/{token}` shows the days of a link, `/badge/{token}` is for other sites,
`/t/{trader}` lists the links that a trader shows to everybody.

Nobody signs in here and no cookie is read. What a link shows comes from the tables of links alone; whatever is not
there looks alike: a link that never was, one that has ended, one that has expired. `/chain` answers what these pages
ask of the embedded chain, where the records are on it.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fntx_dagster.errors import FntxError
from fntx_dagster.services.sharing.node import LARGEST_QUESTION, OwnNode
from fntx_dagster.services.sharing.showing import MOST_PUBLISHED, SharedDays, ShownLinks, count_view
from fntx_dagster.services.visitors.signing_in import From
from fntx_dagster.serving.asgi import App, Receive, Scope, Send, address_of
from fntx_dagster.serving.recent import Recent
from fntx_dagster.serving.turns import TooManyWait, Turns
from fntx_dagster.web.asking import FAILED, Site
from fntx_dagster.web.rendering import render
from fntx_dagster.web.verifier import published_page, published_policy

PREFIXES = ("/s/", "/badge/", "/t/")
PATHS = ("/v", "/chain")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self' https: http://localhost:* http://127.0.0.1:*; form-action 'none'; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)
"""A page asks its own server, and the node that its visitor chooses: that may be any."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex",
}
_SMALLEST_ZIPPED = 500
_PAGES, _QUESTIONS, _SECONDS = 120, 6000, 60.0
"""So often a minute an address may ask for a page or a file, and ask the node: a page of 400 days asks some 1,600
times."""


def is_public(path: str) -> bool:
    """Whether a path is a stranger's: it needs no visitor."""
    return path in PATHS or path.startswith(PREFIXES)


_KEY = secrets.token_bytes(32)
"""What a page names its series by, so that one view is not counted twice. It lives as long as this process."""
_MOST_WAIT, _MOST_OF_ONE_WAIT = 64, 16
"""Questions for the node that wait, and those of one address: a page asks four at once, and an answer may take a third
of a second."""


class _Limited:
    """An ASGI application around the strangers' pages: an address that asks too often waits."""

    def __init__(self, app: App, site: Site) -> None:
        self._app, self._web = app, site.settings.web
        self._pages, self._questions = Recent(_PAGES, _SECONDS), Recent(_QUESTIONS, _SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            recent = self._questions if scope["path"] == "/chain" else self._pages
            address = From(address_of(scope, self._web.trusted_proxies)).counted_as
            if recent.too_many(address):
                answer = _html("public_problem.html.j2", {"title": "Too often", "said": _TOO_OFTEN}, 429)
                answer.headers["Retry-After"] = f"{_SECONDS:.0f}"
                await answer(scope, receive, send)
                return
            recent.add(address)
            scope.setdefault("state", {})["address"] = address
        await self._app(scope, receive, send)


def public_site(site: Site) -> Starlette:
    """The strangers' pages of a site."""
    node, links = OwnNode(site.settings), ShownLinks(site.db)
    app = Starlette(
        routes=[
            Route("/v", _verify),
            *(
                Route(path + end, _of_link(site, links, answer, place))
                for path in ("/s/{token}", "/t/{trader}/{link:int}")
                for end, answer, place in (
                    ("", _page, "page"),
                    ("/series", _series, "file"),
                    ("/series.json", _file, "file"),
                )
            ),
            Route("/badge/{token}", _of_link(site, links, _badge, "badge")),
            Route("/t/{trader}", _trader(links)),
            Route("/chain", _chain(node), methods=["POST"]),
        ],
        exception_handlers={HTTPException: _refused, Exception: _refused},
    )
    app.add_middleware(GZipMiddleware, minimum_size=_SMALLEST_ZIPPED)
    app.add_middleware(_Limited, site=site)
    return app


async def _verify(_request: Request) -> Response:
    policy = f"{published_policy()}; frame-ancestors 'none'"
    headers = _HEADERS | {"Cache-Control": "no-cache", "Content-Security-Policy": policy}
    return Response(published_page(), media_type="text/html; charset=utf-8", headers=headers)


class _Place(NamedTuple):
    """Where a link is shown: the path of its page, and what the page names its series by."""

    path: str
    mark: str


def _of_link(
    site: Site, links: ShownLinks, answer: Callable[[SharedDays, _Place], Response], place: str
) -> Callable[[Request], Any]:
    """An endpoint for what a link shows, by its token or as one that its trader published; `place`: where a view of it
    is counted."""

    def answered(request: Request) -> Response:
        token, trader = request.path_params.get("token"), request.path_params.get("trader")
        try:
            if token is not None:
                shown = links.shown_by(token)
            else:
                shown = next(iter(links.published_by(trader or "", request.path_params["link"])), None)
        except FntxError:
            return _later()
        if shown is None:
            return _gone()
        at = _place_of(shown, token)
        if request.method == "GET" and not _is_counted(request, answer, at):
            with suppress(FntxError):
                count_view(site.db, shown, place)
        return answer(shown, at)

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answered, request)

    return endpoint


def _trader(links: ShownLinks) -> Callable[[Request], Any]:
    """The endpoint of a trader's own page."""

    def answered(request: Request) -> Response:
        try:
            published = links.published_by(request.path_params["trader"])
        except FntxError:
            return _later()
        if not published:
            return _gone()
        listed = [(shown, _place_of(shown)) for shown in published]
        return _html("trader.html.j2", {"title": "Track record", "published": listed, "most": MOST_PUBLISHED})

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answered, request)

    return endpoint


def _place_of(shown: SharedDays, token: str | None = None) -> _Place:
    path = f"/s/{token}" if token is not None else f"/t/{shown.trader.lower()}/{shown.share_id}"
    return _Place(path, hmac.new(_KEY, path.encode(), "sha256").hexdigest()[:32])


def _is_counted(request: Request, answer: Callable[[SharedDays, _Place], Response], at: _Place) -> bool:
    """Whether it is a series that a page asks for, which was counted itself."""
    said = request.query_params.get("of", "").encode()
    return answer is _series and hmac.compare_digest(said, at.mark.encode())


def _page(shown: SharedDays, at: _Place) -> Response:
    return _html("public.html.j2", {"title": f"Track record, {shown.period}", "shown": shown, "at": at})


def _badge(shown: SharedDays, at: _Place) -> Response:
    answer = _html("badge.html.j2", {"title": "Track record", "shown": shown, "at": at}, ancestors="*")
    del answer.headers["Cross-Origin-Opener-Policy"]
    return answer


def _series(shown: SharedDays, _at: _Place) -> Response:
    return Response(shown.series, media_type="application/json", headers=_HEADERS)


def _file(shown: SharedDays, _at: _Place) -> Response:
    name = f"series-{shown.period.first}-{shown.period.last}.json"
    headers = _HEADERS | {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(shown.series, media_type="application/json", headers=headers)


_OF_A_LINK = {"": (_page, "page"), "/series": (_series, "file"), "/series.json": (_file, "file")}
"""What follows the path of a link → what answers it, and where a view of it is counted."""


def _chain(node: OwnNode) -> Callable[[Request], Any]:
    turns = Turns("fntx chain", _MOST_WAIT, _MOST_OF_ONE_WAIT)

    async def endpoint(request: Request) -> Response:
        if not node.is_there:
            raise HTTPException(404)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST_QUESTION:
                raise HTTPException(413)
        try:
            answer = await turns.take(request.state.address, lambda: node.answer(bytes(body)))
        except TooManyWait as refusal:
            raise HTTPException(429 if refusal.of_client else 503) from None
        except FntxError:
            raise HTTPException(503) from None
        return Response(answer, media_type="application/json", headers=_HEADERS)

    return endpoint


_GONE = "There is no such link, or it has ended. Ask its owner for another."
_TOO_OFTEN = "Your address asked too often. Try again in a minute."
_LATER = "This cannot be shown just now. Try again in a minute."


def _later() -> Response:
    return _html("public_problem.html.j2", {"title": "Not now", "said": _LATER}, 503)


def _gone() -> Response:
    return _html("public_problem.html.j2", {"title": "Nothing here", "said": _GONE}, 404)


async def _refused(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _gone()
    said = FAILED if status == 500 else "This is not taken here."
    return _html("public_problem.html.j2", {"title": "Refused", "said": said}, status)


def _html(template: str, values: Mapping[str, Any], status: int = 200, ancestors: str = "'none'") -> HTMLResponse:
    headers = _HEADERS | {"Content-Security-Policy": _POLICY.format(ancestors=ancestors)}
    return HTMLResponse(render(template, values), status, headers)
