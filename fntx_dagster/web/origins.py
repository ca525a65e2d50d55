"""Whether a page of another site is behind a request: a browser sends its cookies with a WebSocket from anywhere."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope


def is_from_here(scope: Scope) -> bool:
    """Whether the page behind a request, which a browser names in `Origin`, is one of this host. A program names
    none."""
    headers = Headers(scope=scope)
    origins = headers.getlist("origin")
    if not origins:
        return True
    parts = urlsplit(origins[0])
    return (
        len(origins) == 1
        and parts.scheme in ("http", "https")
        and parts.netloc.lower() == headers.get("host", "").lower()
    )
