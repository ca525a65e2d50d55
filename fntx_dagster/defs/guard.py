"""Who may speak to the UI: asked of each request and each websocket before Dagster sees it.

A browser sends requests for every page that it shows, also to this machine. Refused are: a host that is not this
machine's own (a name of somebody else's may lead here: DNS rebinding), an origin that is not the UI's, a fetch from
another site, and a POST that such a site could send without being asked (anything but JSON). Where a token is set,
whoever has not shown it is refused; where none is, every other user of this machine. What a GraphQL document may do by
GET is refused in `defs.dagster_servers`, where it is executed.
"""

from __future__ import annotations

import hmac
import html
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from fntx_dagster.serving.asgi import App, Message, Receive, Scope, Send, host_alone, is_loopback, values_of
from fntx_dagster.serving.askers import is_of_our_user

COOKIE, LOGIN_PATH = "fntx_ui", "/fntx/login"
HEALTH_PATH = "/healthz"
_MONTH, _LONGEST_FORM = 30 * 24 * 3600, 10_000
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_LOGIN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>FNTX</title>
<body style="font: 16px sans-serif; margin: 4em auto; max-width: 30em">
<p>This UI asks for its token (FNTX_UI_TOKEN).</p>
<form method="post" action="{}"><input type="hidden" name="to" value="{}">
<input type="password" name="token" autofocus aria-label="token"> <button>Open</button></form>"""
_OPENED = """<!doctype html><html lang="en"><meta charset="utf-8"><title>FNTX</title>
<meta http-equiv="refresh" content="0; url={}"><p><a href="{}">Open the UI</a></p>"""


class _Answer(NamedTuple):
    """What is sent instead of Dagster's answer: plain text, or a page."""

    status: int
    text: str
    media: str = "text/plain"
    headers: tuple[tuple[bytes, bytes], ...] = ()


_ALIVE = _Answer(200, "alive\n")
_NO_HOST = _Answer(400, "The request names no host, or several.")
_OTHER_HOST = _Answer(403, "The UI does not answer under this host. Add it to FNTX_UI_HOSTS if it is yours.")
_OTHER_ORIGIN = _Answer(403, "The request comes from a page of another origin.")
_OTHER_SITE = _Answer(403, "The request comes from a page of another site.")
_OTHER_USER = _Answer(
    403,
    "The request comes from another user of this machine, or from a proxy that runs as one: set FNTX_UI_TOKEN, and let "
    "the proxy send it (docs/running.md).",
)
_NOT_JSON = _Answer(415, "Send JSON: the content type has to be application/json.")


class Guard:
    """An ASGI application around another one.

    `hosts`: the hosts that the UI answers under beside those of loopback, each with its port where that is not the
    scheme's own. `token`: what a browser shows once in a form and then keeps as a cookie, and a program or a proxy
    sends as `Authorization: Bearer …`; where it is None, other users of this machine are refused.
    """

    def __init__(self, app: App, hosts: Iterable[str] = (), token: str | None = None) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token.encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] == HEALTH_PATH:
            await _say(_ALIVE, scope, send)  # a probe names the machine as it likes, and learns nothing
        elif answer := self._refusal(scope):
            await _say(answer, scope, send)
        elif self._token and not self._has_shown_it(scope):
            await _say(self._opened(scope, await _form(receive)) if _is_login(scope) else _asked(scope), scope, send)
        else:
            await self._app(scope, receive, _closed_to_frames(send))

    def _refusal(self, scope: Scope) -> _Answer | None:
        """Why nobody gets an answer to this request, whatever token it has."""
        if not self._token and not is_of_our_user(scope):
            return _OTHER_USER
        hosts, origins = values_of(scope, "host"), values_of(scope, "origin")
        if len(hosts) != 1:
            return _NO_HOST
        host = hosts[0].lower()
        if not self._answers_under(host):
            return _OTHER_HOST
        if any(not self._is_own(origin, host) for origin in origins):
            return _OTHER_ORIGIN
        if _is_from_another_site(scope):
            return _OTHER_SITE
        if scope["type"] == "http" and scope["method"] == "POST" and not _is_json(scope):
            return None if self._token and _is_login(scope) else _NOT_JSON
        return None

    def _answers_under(self, host: str) -> bool:
        alone = host_alone(host)
        return alone is not None and (host in self._hosts or alone in self._hosts or is_loopback(alone))

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether a page's origin is the UI's own: the host that it asks, or, behind a proxy that hands on another
        host, one of the settings."""
        try:
            parts = urlsplit(origin.lower())
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and (parts.netloc == host or parts.netloc in self._hosts)

    def _opened(self, scope: Scope, form: dict[str, str]) -> _Answer:
        """What is answered to the login form: the cookie and the way on, or the form again."""
        there = "/" + quote(form.get("to", "").lstrip("/\\"), safe="/?&=%+")
        if not hmac.compare_digest(form.get("token", "").encode(), self._token or b""):
            return _asked(scope, there)
        # a page that goes on by itself, and no redirect: a browser would send no strict cookie with one that began
        # with a link of another site
        is_secure = scope.get("scheme") == "https" or values_of(scope, "x-forwarded-proto") == ["https"]
        secure = "; Secure" if is_secure else ""
        cookie = f"{COOKIE}={self._session}; Path=/; Max-Age={_MONTH}; HttpOnly; SameSite=Strict{secure}"
        there = html.escape(there)
        return _Answer(200, _OPENED.format(there, there), "text/html", ((b"set-cookie", cookie.encode()),))

    def _has_shown_it(self, scope: Scope) -> bool:
        bearer = b"Bearer " + (self._token or b"")
        if any(_same(value, bearer) for value in values_of(scope, "authorization")):
            return True
        cookies = (part.strip().partition("=") for line in values_of(scope, "cookie") for part in line.split(";"))
        return any(name == COOKIE and _same(value, self._session.encode()) for name, _, value in cookies)

    @property
    def _session(self) -> str:
        """What the cookie holds: it changes with the token, and does not reveal it."""
        return hmac.digest(self._token or b"", b"the cookie of fntx ui", "sha256").hex()


def _is_login(scope: Scope) -> bool:
    """Whether a request is the form of the login page. A page of another origin that sent one was refused before."""
    return scope["type"] == "http" and scope["method"] == "POST" and scope["path"] == LOGIN_PATH and not _is_json(scope)


def _asked(scope: Scope, there: str | None = None) -> _Answer:
    """The login page, which leads on to what was asked for (or `there`)."""
    if scope["type"] != "http" or (scope["method"] not in ("GET", "HEAD") and there is None):
        return _Answer(401, "The UI asks for its token.", headers=((b"www-authenticate", b"Bearer"),))
    if there is None:
        query = scope["query_string"].decode("latin-1")
        there = quote(scope["path"]) + (f"?{query}" if query else "")
    return _Answer(401, _LOGIN.format(LOGIN_PATH, html.escape(there)), "text/html")


async def _form(receive: Receive) -> dict[str, str]:
    """The fields of a form; of a body that is too long, its beginning."""
    body, more = b"", True
    while more and len(body) < _LONGEST_FORM:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return dict(parse_qsl(body[:_LONGEST_FORM].decode("latin-1")))


def _is_from_another_site(scope: Scope) -> bool:
    """Whether a browser says so. A link on another site may lead to a page of the UI; that site cannot read it."""
    if all(site in ("same-origin", "none") for site in values_of(scope, "sec-fetch-site")):
        return False
    is_link = values_of(scope, "sec-fetch-mode") == ["navigate"] and values_of(scope, "sec-fetch-dest") == ["document"]
    return not (is_link and scope["type"] == "http" and scope["method"] == "GET")


def _is_json(scope: Scope) -> bool:
    types = values_of(scope, "content-type")
    return len(types) == 1 and types[0].partition(";")[0].strip().lower() == "application/json"


def _same(header: str, secret: bytes) -> bool:
    return hmac.compare_digest(header.encode("latin-1"), secret)


async def _say(answer: _Answer, scope: Scope, send: Send) -> None:
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008, "reason": answer.text})
        return
    body = answer.text.encode()
    headers = [
        (b"content-type", f"{answer.media}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"content-security-policy", _POLICY.encode()),
        (b"referrer-policy", b"same-origin"),  # with none at all, a browser sends a form with the origin `null`
        (b"x-content-type-options", b"nosniff"),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _closed_to_frames(send: Send) -> Send:
    """Forbid other pages to show the UI in a frame, where they could make a user click in it, and to embed what it
    answers as an image or a script."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(b"x-frame-options", b"DENY"), (b"cross-origin-resource-policy", b"same-origin")]
            message = {**message, "headers": [*message.get("headers", ()), *own]}
        await send(message)

    return sent
