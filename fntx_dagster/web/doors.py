"""Who is let in: the visitor of each request by his session's cookie, and of each socket as long as the session lasts.
A program opens a socket with a token of the API.

On a machine without users, where the owner enters by a link that `fntx serve` prints, other users of that machine are
refused, as `fntx ui` refuses them: a browser sends the cookies of localhost to every port, also to theirs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fntx_dagster.errors import without_accounts
from fntx_dagster.services.visitors import entering, signing_in
from fntx_dagster.services.visitors.programs import visitor_of_token
from fntx_dagster.services.visitors.signing_in import From, SignedIn
from fntx_dagster.services.visitors.users import any_user
from fntx_dagster.serving.asgi import address_of, values_of
from fntx_dagster.serving.askers import is_of_our_user
from fntx_dagster.serving.recent import Recent
from fntx_dagster.web.asking import Site

SIGN_IN_PATHS = ("/enter", "/signin", "/signin/passkey")
_TRIES, _TRY_SECONDS = 30, 60.0
"""So often an address may send something to be let in, right or wrong."""
_TRUST_SECONDS = 1.0
_LOOK_SECONDS = 10.0
_BY_ITSELF = "x-fntx-follows"
"""The header of a request that a page makes by itself, because the stream says that it has changed."""
"""A socket is closed at most so long after its session has ended."""
_POLICY_VIOLATION = 1008
_log = logging.getLogger(__name__)
_OTHER_USER = (
    "The request comes from another user of this machine, or from a proxy that runs as one: set FNTX_WEB_ORIGIN and "
    "add a user (docs/access.md)."
)


class Doors:
    """An ASGI application around the pages: it gives each request `state.signed` and `state.visitor` (None where nobody
    is signed in) and `state.where`, and opens no socket to a stranger."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._db, self._web = app, site.db, site.settings.web
        self._is_local = self._web.origin is None or entering.is_local(self._web.origin)
        self._is_secure = not self._is_local
        self._tries = Recent(_TRIES, _TRY_SECONDS)
        self._wrong_tokens = Recent(_TRIES, _TRY_SECONDS)
        self._known_users = (0.0, False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"].startswith("/static/"):
            await self._app(scope, receive, send)
            return
        cookie = cookie_of(scope, cookie_name(self._is_secure))
        where = From(address_of(scope, self._web.trusted_proxies), " ".join(values_of(scope, "user-agent")), cookie)
        of_machine = self._is_local and not await self._any_user()
        if of_machine and not is_of_our_user(scope):
            await _refuse(scope, receive, send, 403, _OTHER_USER)
            return
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in SIGN_IN_PATHS:
            if self._tries.too_many(where.counted_as):
                await _refuse(scope, receive, send, 429, "Too many tries: wait a minute.")
                return
            self._tries.add(where.counted_as)
        if scope["type"] == "websocket" and (token := _token_of(scope)):
            await self._follow_by_token(token, where, scope, receive, send)
            return
        signed = await run_in_threadpool(self._signed_by, cookie, scope) if cookie else None
        scope.setdefault("state", {}).update(
            signed=signed, visitor=signed and signed.visitor, where=where, of_machine=of_machine
        )
        if scope["type"] == "http":
            await self._app(scope, receive, send)
        elif signed is None:
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "Nobody is signed in."})
        else:
            session_id = signed.session_id
            await self._while_so(lambda: signing_in.still_signed(self._db, session_id), scope, receive, send)

    def _signed_by(self, cookie: str, scope: Scope) -> SignedIn | None:
        """Whose session it is; a page that loads itself anew does not keep it from being idle."""
        return signing_in.signed_by(self._db, cookie, uses=not values_of(scope, _BY_ITSELF))

    async def _follow_by_token(self, token: str, where: From, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the socket of a program, for as long as its token is good."""
        visitor = None
        if not self._wrong_tokens.too_many(where.counted_as):
            visitor = await run_in_threadpool(visitor_of_token, self._db, token)
        if visitor is None:
            self._wrong_tokens.add(where.counted_as)
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "The token reads nothing."})
            return
        scope.setdefault("state", {}).update(signed=None, visitor=visitor, where=where, of_machine=False)
        await self._while_so(lambda: visitor_of_token(self._db, token) == visitor, scope, receive, send)

    async def _any_user(self) -> bool:
        """Whether there are users, as of a second ago at most."""
        until, known = self._known_users
        if time.monotonic() >= until:
            known = await run_in_threadpool(any_user, self._db)
            self._known_users = (time.monotonic() + _TRUST_SECONDS, known)
        return known

    async def _while_so(self, is_so: Callable[[], bool], scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a socket until it ends, or the session or the token that opened it does."""
        ended = asyncio.Event()

        async def is_over() -> bool:
            try:
                return not await run_in_threadpool(is_so)
            except Exception as error:  # the database is away, as a rule: it is asked again
                _log.warning("a session is not looked at: %s", without_accounts(str(error)))
                return False

        async def look() -> None:
            while not await is_over():
                await asyncio.sleep(_LOOK_SECONDS)
            ended.set()
            with suppress(RuntimeError):  # it may have ended by itself meanwhile
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "The session has ended."})

        async def received() -> Message:
            waits = [asyncio.ensure_future(receive()), asyncio.ensure_future(ended.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                if waits[0].done():
                    return waits[0].result()
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
            finally:
                for each in waits:
                    each.cancel()

        async def sent(message: Message) -> None:
            if not ended.is_set():
                await send(message)

        looking = asyncio.ensure_future(look())
        try:
            await self._app(scope, received, sent)
        finally:
            looking.cancel()


def cookie_name(is_secure: bool) -> str:
    """How the session's cookie is called: where TLS is, so that no other host can set it."""
    return "__Host-fntx" if is_secure else "fntx"


def cookie_of(scope: Scope, name: str) -> str | None:
    """What the cookie of a name holds; None where there is none, or several: one of them is somebody else's."""
    parts = (part.strip().partition("=") for line in values_of(scope, "cookie") for part in line.split(";"))
    found = [value for key, _, value in parts if key == name]
    return found[0] if len(found) == 1 and signing_in.is_secret(found[0]) else None


def _token_of(scope: Scope) -> str:
    """The bearer token of a request; empty where there is none."""
    lines = [*values_of(scope, "authorization")]
    scheme, _, token = lines[0].partition(" ") if len(lines) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, text: str) -> None:
    if scope["type"] == "http":
        await PlainTextResponse(f"{text}\n", status)(scope, receive, send)
    else:
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": text[:120]})
