"""A page asked for as a visitor of any role, past whatever tells who asks."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.web.app import PAGES, answer
from fntx_dagster.web.asking import Asked, Site


def ask(site: Site, address: str, visitor: Visitor, form: dict[str, str] | None = None) -> Response:
    """What a page answers a visitor; with a form, the answer to the form. AssertionError where no page has this
    address or takes a form there."""
    parts = urlsplit(address)
    scope = {
        "type": "http",
        "method": "GET" if form is None else "POST",
        "path": unquote(parts.path),
        "query_string": parts.query.encode(),
        "headers": [(b"host", b"localhost")],
        "state": {"visitor": visitor},
    }
    for page in PAGES:
        match, found = Route(page.path, lambda request: request, methods=page.methods).matches(scope)
        if match is Match.FULL:
            return answer(page, Asked(site, Request({**scope, **found}), form or {}))
    raise AssertionError(f"no page has the address {address}")
