"""What stands before every request: hosts, origins, sizes, and the headers of every answer.

A browser sends requests for every page that it shows. Refused are: a host that is not the dashboard's own (a name of
somebody else's may lead here: DNS rebinding), a form or a socket of another origin, and what is too large. The API is
asked by programs, which send no such headers: of it a browser's foreign pages alone are refused. Who is let in is in
`web.doors`.
"""

from __future__ import annotations

import logging
import traceback
from typing import NamedTuple
from urllib.parse import urlsplit

from fntx_dagster.errors import FntxError, Transient, without_accounts
from fntx_dagster.serving.asgi import App, Message, Receive, Scope, Send, host_alone, is_loopback, values_of
from fntx_dagster.web import health, public
from fntx_dagster.web.asking import FAILED

API = ("/api/", "/db/", "/openapi.json")
"""How the paths of the API begin: it knows its callers by their tokens, and no cookie."""
LARGEST_BODY, _LARGEST_HEADERS = 64 * 1024, 32 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")
_log = logging.getLogger(__name__)

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_NOTHING = ("camera", "display-capture", "geolocation", "microphone", "midi", "payment", "usb")
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in _NOTHING),
    "cache-control": "no-store",
}
"""Of every answer, where it does not say otherwise itself."""
_FOR_TLS = {"strict-transport-security": "max-age=31536000"}


class _Refusal(NamedTuple):
    status: int
    text: str


_HEADERS_TOO_LARGE = _Refusal(431, "The headers of the request are too large.")
_NO_HOST = _Refusal(400, "The request names no host, or several.")
_OTHER_HOST = _Refusal(421, "The dashboard does not answer under this host. FNTX_WEB_ORIGIN names its own.")
_OTHER_ORIGIN = _Refusal(403, "The request comes from a page of another origin.")
_TOO_LARGE = _Refusal(413, f"A request has at most {LARGEST_BODY} bytes.")


class SiteGuard:
    """An ASGI application around another one. `origin`: that of the settings; None: this machine's own hosts, on the
    port that is listened on."""

    def __init__(self, app: App, origin: str | None) -> None:
        self._app = app
        self._origin = origin
        self._headers = HEADERS | (_FOR_TLS if origin and origin.startswith("https:") else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        answering = _Answering(send, self._headers)
        if refusal := self._refusal(scope):
            await answering.say(scope, refusal)
            return
        try:
            await self._app(scope, receive, answering.send)
        except FntxError as error:
            _log.warning("%s", without_accounts(f"{error}"))
            said = f"{without_accounts(error.message)}. Try again in a moment." if isinstance(error, Transient) else ""
            await answering.fail(scope, _Refusal(503 if said else 500, said or FAILED))
        except Exception as error:
            _log.error("a request failed\n%s", without_accounts("".join(traceback.format_exception(error))))
            await answering.fail(scope, _Refusal(500, FAILED))

    def _refusal(self, scope: Scope) -> _Refusal | None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > _LARGEST_HEADERS:
            return _HEADERS_TOO_LARGE
        if scope["type"] == "http" and scope["path"] in health.PATHS:
            return None  # a probe names the machine as it likes, and learns nothing
        hosts = values_of(scope, "host")
        if len(hosts) != 1:
            return _NO_HOST
        host = hosts[0].lower()
        of_api = scope["type"] == "http" and scope["path"].startswith(API)
        if not self._answers_under(host, scope, of_api=of_api):
            return _OTHER_HOST
        if self._is_foreign(scope, self._origin or f"http://{host}", of_api=of_api):
            return _OTHER_ORIGIN
        return _TOO_LARGE if scope["type"] == "http" and not of_api and _is_large(scope) else None

    def _answers_under(self, host: str, scope: Scope, *, of_api: bool) -> bool:
        """Whether a host is ours: that of the settings, else this machine's; of the API both are."""
        if self._origin is not None and host == urlsplit(self._origin).netloc:
            return True
        alone, server = host_alone(host), scope.get("server") or ("", None)
        port = host.removeprefix(alone or "").removeprefix(":") or "80"
        return (self._origin is None or of_api) and alone is not None and is_loopback(alone) and port == f"{server[1]}"

    def _is_foreign(self, scope: Scope, own: str, *, of_api: bool) -> bool:
        """Whether a page of another origin sent what acts, or opens a socket."""
        sites, origins = values_of(scope, "sec-fetch-site"), values_of(scope, "origin")
        if scope["type"] == "websocket":
            return origins not in ([], [own])  # a browser always names one
        if scope["method"] in _SAFE and not of_api:
            return False
        if of_api or public.is_public(scope["path"]):  # what acts for no visitor; programs send neither
            return any(site not in ("same-origin", "none") for site in sites) or any(each != own for each in origins)
        return sites != ["same-origin"] if sites else origins != [own]


class _Answering:
    """The way of an answer: each has the headers, and one that did not begin can be replaced by why."""

    def __init__(self, send: Send, headers: dict[str, str]) -> None:
        self._send, self._headers = send, headers
        self._has_begun, self._has_ended = False, False

    async def send(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.accept", "websocket.http.response.start"):
            self._has_begun = True
        self._has_ended = message["type"] == "http.response.body" and not message.get("more_body", False)
        if message["type"].endswith("http.response.start"):
            own = [*message.get("headers", ())]
            there = {name.lower() for name, _ in own}
            new = [(name.encode(), value.encode()) for name, value in self._headers.items()]
            message = {**message, "headers": own + [each for each in new if each[0] not in there]}
        await self._send(message)

    async def fail(self, scope: Scope, refusal: _Refusal) -> None:
        """Say why in place of an answer that did not begin; one that did is cut off, unless it said why itself."""
        if self._has_ended:
            return
        if self._has_begun:
            raise ConnectionResetError("the answer was cut off")
        await self.say(scope, refusal)

    async def say(self, scope: Scope, refusal: _Refusal) -> None:
        """Say why there is no answer: plain text, or the end of a socket that did not open."""
        if scope["type"] != "http":
            await self.send({"type": "websocket.close", "code": 1008, "reason": refusal.text})
            return
        body = f"{refusal.text}\n".encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", f"{len(body)}".encode())]
        if refusal.status in (413, 431):
            headers.append((b"connection", b"close"))
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _is_large(scope: Scope) -> bool:
    """Whether a request says that it is; one that does not say is counted as it is read."""
    return any(not (text.isdigit() and int(text[:12]) <= LARGEST_BODY) for text in values_of(scope, "content-length"))
