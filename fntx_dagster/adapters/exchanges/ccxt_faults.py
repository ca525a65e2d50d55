"""What ccxt raises, as the errors that callers of an exchange get: refused, outcome unknown, transient, permanent.

ccxt has one tree of exceptions for all exchanges, and raises others too (a TypeError for an answer that it cannot
read). A refusal is certain only where the exchange's own answer, in JSON and below status 500, says so by an error that
ccxt knows for one; everything else may have placed the order.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

import ccxt

from fntx_dagster.errors import FntxError, Permanent, Transient
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.exchanges import OrderRefusedError, OutcomeUnknownError

_REFUSALS = (
    ccxt.ArgumentsRequired,
    ccxt.AuthenticationError,
    ccxt.BadRequest,
    ccxt.InsufficientFunds,
    ccxt.InvalidOrder,
    ccxt.OperationRejected,
)
_PERHAPS_PLACED = (ccxt.DuplicateOrderId, ccxt.OrderNotCached, ccxt.OrderNotFound)
_ABOUT_THE_ID = re.compile(r"(?i)duplicat|already|cl_?ord_?id|client_?o(rder_?)?id")
"""A duplicate is an order that is there: something on the way may have sent it twice."""
_SIGNATURE = re.compile(r"(?i)(signature=)[0-9a-z%+/=]+")
_LONGEST = 300


class LastAnswer(NamedTuple):
    """What came back last: the HTTP status, None where nothing did, and the body."""

    status: int | None = None
    body: str = ""

    @property
    def document(self) -> Any:
        """The body's JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def outcome(error: Exception, last: LastAnswer, secrets: tuple[str, ...]) -> OrderRefusedError | OutcomeUnknownError:
    """What is known of an order whose sending raised an error."""
    text = said(error, secrets)
    perhaps = isinstance(error, _PERHAPS_PLACED) or _ABOUT_THE_ID.search(text)
    answered = last.status is None or (last.status < 500 and last.document is not None)
    if answered and not perhaps and isinstance(error, _REFUSALS):
        return OrderRefusedError(text)
    return OutcomeUnknownError(text)


def fault(name: str, error: Exception, secrets: tuple[str, ...]) -> FntxError:
    """The error of a request that changes nothing."""
    if isinstance(error, FntxError):
        return error
    text = said(error, secrets).rstrip(".")
    if isinstance(error, ccxt.AuthenticationError):
        return Permanent(f"{name} does not accept the keys: {text}", "Correct them in FNTX_EXCHANGE_KEYS")
    if isinstance(error, ccxt.OperationFailed):
        return Transient(f"{name} gives no answer now: {text}", "Try again later")
    if isinstance(error, ccxt.BaseError) and type(error) is not ccxt.ExchangeError:
        return Permanent(f"{name} refuses the request: {text}", "Correct what was asked for")
    return Transient(f"the answer of {name} cannot be read: {text}", "Try again later")


def said(error: Exception, secrets: tuple[str, ...]) -> str:
    """The exchange's own words, or ccxt's where there are none; without keys and signatures, on one line."""
    text = str(error) or type(error).__name__
    begin = text.find("{")
    if begin >= 0:
        text = _message(text[begin:]) or text
    for secret in secrets:
        text = text.replace(secret, "…")
    return cleaned(_SIGNATURE.sub(r"\1…", text), _LONGEST)


def _message(text: str) -> str | None:
    document = LastAnswer(body=text).document
    if not isinstance(document, dict):
        return None
    found = document.get("msg") or document.get("error")
    return "; ".join(map(str, found)) if isinstance(found, list) else found and str(found)
