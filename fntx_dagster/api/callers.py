"""Who calls: the bearer token of a request, how often wrong ones may come, and the moment a request is judged at.

A token that was good is trusted for a second without asking the database again, so a revoked one ends within a second.
It is asked for however many wrong ones come from its address: a stranger who shares it locks nobody out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from fntx_dagster.services.orders import access
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.requests import Declined, FieldFault, optional_moment
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.visitors.signing_in import From
from fntx_dagster.serving.asgi import address_of
from fntx_dagster.serving.recent import Recent

_SCHEME = "bearer "
_FAILURES, _WINDOW_SECONDS, _MOST_CLIENTS = 20, 60.0, 10_000
_TRUST_SECONDS = 1.0
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


def failures() -> Recent:
    """Wrong tokens of the last minute by client address: after 20 of them the client waits."""
    return Recent(_FAILURES, _WINDOW_SECONDS)


@dataclass(slots=True)
class KnownCallers:
    """The callers whose token was good when it was asked for, trusted for a second. One thread uses it: the loop's."""

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[float, Caller]] = field(default_factory=dict)

    def get(self, token: str) -> Caller | None:
        until, caller = self._seen.get(token, (0.0, None))
        return caller if self.clock() < until else None

    def was_good(self, token: str) -> bool:
        """Whether a token was good when it was asked for last."""
        return token in self._seen

    def forget(self, token: str) -> None:
        """A token is no longer good."""
        self._seen.pop(token, None)

    def add(self, token: str, caller: Caller) -> None:
        if len(self._seen) >= _MOST_CLIENTS:
            self._seen.clear()
        self._seen[token] = (self.clock() + _TRUST_SECONDS, caller)


async def caller_of(
    request: Request, desk: Desk, failures: Recent, known: KnownCallers, proxies: frozenset[str] = frozenset()
) -> Caller:
    """Whom a request's token stands for. `proxies`: the addresses that say where a caller is. Raises Declined: 401
    without a good token, 429 after too many wrong ones from an address."""
    header = request.headers.get("authorization", "")
    token = header[len(_SCHEME) :].strip() if header[: len(_SCHEME)].lower() == _SCHEME else ""
    if caller := known.get(token):
        return caller
    client = From(address_of(request.scope, proxies)).counted_as
    if failures.too_many(client) and not known.was_good(token):
        raise Declined(
            [FieldFault("", "too_many_requests", "too many wrong tokens: wait a minute")], "too_many_requests", 429
        )
    caller = await run_in_threadpool(access.caller_of, desk.db, token) if token else None
    if caller is not None:
        known.add(token, caller)
    else:
        known.forget(token)
        if token:
            failures.add(client)
        words = "send the header Authorization: Bearer TOKEN; `fntx api token` makes a token"
        raise Declined([FieldFault("", "unauthorized", words)], "unauthorized", 401)
    return caller


def now_of(request: Request, desk: Desk, simulated: bool) -> datetime:
    """The moment that a request is judged at: the clock's, or that of the header FNTX-Now where time is simulated.

    Raises Declined: 400 where it is not, 422 for what is no moment.
    """
    stated = request.headers.get("fntx-now")
    if stated is None:
        return desk.clock()
    if not simulated:
        words = "the server does not run with FNTX_SIMULATED_TIME=1"
        raise Declined([FieldFault("FNTX-Now", "simulated_time_off", words)], "simulated_time_off", 400)
    now = optional_moment("FNTX-Now", stated) or desk.clock()
    if not _FIRST_YEAR <= now.year <= _LAST_YEAR:  # a day, a month or a window before or after has to exist
        raise Declined([FieldFault("FNTX-Now", "invalid", f"not a year from {_FIRST_YEAR} to {_LAST_YEAR}")])
    return now


def key_of(request: Request) -> str | None:
    """The header Idempotency-Key. Raises Declined (400) where two of them name different keys."""
    keys = {*request.headers.getlist("idempotency-key")}
    if len(keys) > 1:
        words = "two headers Idempotency-Key name different keys"
        raise Declined([FieldFault("idempotency_key", "conflict", words)], "idempotency_key_conflict", 400)
    return keys.pop() if keys else None
