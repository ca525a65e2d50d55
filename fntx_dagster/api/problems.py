"""Errors as RFC 9457 `application/problem+json`, each with a stable code; nothing from inside is shown."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.services.orders.requests import Declined, FieldFault

_log = logging.getLogger(__name__)
_TITLES = {
    "validation_failed": "The request is not valid",
    "unauthorized": "A valid token is needed",
    "forbidden": "This token may not do that",
    "admin_only": "Only an admin may do that",
    "not_found": "There is no such page",
    "method_not_allowed": "This endpoint takes another method",
    "order_not_found": "There is no such order",
    "account_not_found": "There is no such account",
    "day_not_found": "The day is not built",
    "bot_not_found": "There is no such bot",
    "event_not_found": "There is no such event",
    "no_checkpoint": "There is no such checkpoint",
    "not_signed": "No checkpoint is over the event yet",
    "no_event": "The log has no event yet",
    "key_lost": "The key that opens the event is not there",
    "log_broken": "The log does not go on from what was signed",
    "proposal_not_found": "There is no such proposal",
    "wrong_state": "It is in another state",
    "paused": "The treasury is paused",
    "not_cleared": "A party is not cleared",
    "duplicate": "The signer has decided already",
    "duplicate_signer": "The signer has signed already",
    "late": "The proposal has ended",
    "unknown_signer": "There is no such signer",
    "removed_signer": "The signer is one no longer",
    "bad_signature": "The signature does not fit",
    "other_transaction": "The signature is of another transaction",
    "screening_not_found": "There is no such check",
    "unsigned": "A signature is needed",
    "holds_a_secret": "The request seems to hold a private key",
    "refused": "The treasury does not do that",
    "ledger_unavailable": "A ledger cannot be reached now",
    "idempotency_key_missing": "An idempotency key is needed",
    "idempotency_key_conflict": "Two idempotency keys were given",
    "request_in_progress": "The order of this key is being placed",
    "idempotency_key_reused": "The idempotency key belongs to another request",
    "insufficient_balance": "The balance is not enough",
    "not_tripped": "The breaker is not tripped",
    "signers_only": "The treasury's signers decide on that",
    "reason_missing": "A reason is needed",
    "quote_not_allowed": "A live order brings no quote",
    "simulated_time_off": "Simulated time is off",
    "unknown_instrument": "The instrument is not known",
    "user_twice": "A participant is named twice",
    "no_entry": "There is nothing to leave",
    "wrong_side": "The entry is of the other side",
    "no_allocation": "A participant holds nothing of it",
    "not_expired": "The instrument has not expired",
    "too_many_requests": "Too many requests",
    "unavailable": "The database cannot be reached now",
}
_BY_STATUS = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    429: "too_many_requests",
}
RETRY_SECONDS = 5


def problem(
    status: int, code: str, detail: str, faults: Sequence[FieldFault] = (), headers: dict[str, str] | None = None
) -> Response:
    """The answer to what went wrong."""
    body: dict[str, Any] = {
        "type": f"urn:fntx:problem:{code}",
        "title": _TITLES.get(code, HTTPStatus(status).phrase),
        "status": status,
        "detail": detail,
        "code": code,
    }
    if faults:
        body["errors"] = [fault._asdict() for fault in faults]
    return JSONResponse(body, status, headers, "application/problem+json")


def _words(faults: Sequence[FieldFault]) -> str:
    """What is wrong, in one line that names the field of each of several faults: a bot's log often shows no more."""
    if len(faults) == 1:
        return faults[0].message
    return "; ".join(f"{fault.field}: {fault.message}" if fault.field else fault.message for fault in faults)


def answer_problems(app: FastAPI) -> None:
    """Let every error of the app be answered as a problem, FastAPI's own too."""

    @app.exception_handler(Declined)
    def refused(_: Request, error: Declined) -> Response:
        headers = {"WWW-Authenticate": "Bearer"} if error.status == HTTPStatus.UNAUTHORIZED else None
        if error.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
            headers = {"Retry-After": f"{RETRY_SECONDS}"}
        return problem(error.status, error.code, _words(error.faults), error.faults, headers)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        faults = [
            FieldFault(".".join(str(part) for part in found["loc"][1:]), "invalid", str(found["msg"]))
            for found in error.errors()
        ]
        return problem(422, "validation_failed", _words(faults), faults)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        code, headers = _BY_STATUS.get(error.status_code, "refused"), dict(error.headers or {})
        words = {
            404: "the path is no endpoint's: /openapi.json lists them",
            405: f"the endpoint does not take {request.method}; it takes {headers.get('Allow', 'another method')}",
        }
        return problem(error.status_code, code, words.get(error.status_code, str(error.detail)), headers=headers)

    @app.exception_handler(Transient)
    def away(_: Request, error: Transient) -> Response:
        _log.warning("%s", error)
        return problem(503, "unavailable", "try again in a moment", headers={"Retry-After": f"{RETRY_SECONDS}"})

    @app.exception_handler(Permanent)
    @app.exception_handler(Exception)
    def failed(_: Request, error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return problem(500, "internal", "the server failed; its log says how")
