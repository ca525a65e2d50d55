"""Requests to VALR's REST API: signed, sent once, and answered with what JSON says, digit for digit.

Here belongs what holds for every request: the signature, who may not be asked, and which failure left the request
unsent. What the paths are and mean is in `valr`. A key or secret is in no error and no log: they are in headers alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urlencode

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from fntx_dagster.adapters.exchanges.budget import RequestBudget
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.foreign import cleaned
from fntx_dagster.settings.exchanges import ExchangeKeys

ADDRESS = "https://api.valr.com"
_LONGEST_WORDS = 200
_LATER = "Ask again in a minute"
_TOO_MANY = 429
_IN_BETWEEN = (408, _TOO_MANY)
_PACE, _PUBLIC_PACE = (0.06, 60), (2.0, 20)
"""Seconds per question, and how many may come at once: VALR takes 1,200 a minute from an address, 30 public ones."""


class UnsentError(Transient):
    """There was no connection: VALR has not received the request."""


class Answer(NamedTuple):
    """An answer: its HTTP status, and its JSON with numbers as Decimal (None: it is none)."""

    status: int
    content: Any

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refuses(self) -> bool:
        """Whether VALR itself says that it did not do what was asked for: a failure of the server, a time-out, too many
        requests and what is no JSON may come from in between."""
        return 400 <= self.status < 500 and self.status not in _IN_BETWEEN and isinstance(self.content, dict)

    @property
    def words(self) -> str:
        """What VALR says went wrong, uncleaned: `Minimum order size not met (-12007)`."""
        said = self.content if isinstance(self.content, dict) else {}
        message = said.get("message") or said.get("failedReason") or f"HTTP {self.status}"
        return f"{message} ({said['code']})" if "code" in said else str(message)


class ValrApi:
    """An account's way to VALR; without keys only the paths under /v1/public answer."""

    def __init__(self, keys: ExchangeKeys | None, url: str | None, timeout: float) -> None:
        self._keys = keys
        self._url = (url or ADDRESS).rstrip("/")
        self._timeout = timeout
        self._budget = RequestBudget(*(_PUBLIC_PACE if keys is None else _PACE))
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.trust_env = self._url.startswith("https:")  # no proxy between this machine and itself
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # threads share the session

    @property
    def has_keys(self) -> bool:
        return self._keys is not None

    def read(self, path: str, query: Mapping[str, object] | None = None) -> Any:
        """The JSON that a path answers. Raises Transient or Permanent."""
        answer = self.ask("GET", path, query=query)
        if answer.ok and answer.content is not None:
            return answer.content
        raise self.failure(answer)

    def ask(
        self,
        verb: str,
        path: str,
        body: Mapping[str, object] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:
        """Send a request, once. Raises UnsentError, or Transient where no answer came; Permanent without keys."""
        if verb == "GET":  # an order waits for nothing
            with self._lock:
                waiting = self._budget.wait_for(1, time.monotonic())
            time.sleep(waiting)
        full = f"{path}?{urlencode(query)}" if query else path
        text = "" if body is None else json.dumps(body, separators=(",", ":"))
        headers = {"Content-Type": "application/json"}
        if not path.startswith("/v1/public/"):
            headers |= self._signature(verb, full, text)
        try:
            response = self._session.request(
                verb,
                self._url + full,
                data=text.encode() or None,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,  # a redirected order would be sent twice, the second time as a GET
            )
        except requests.RequestException as error:
            raise _lost(error) from None
        return Answer(response.status_code, _json(response.text))

    def failure(self, answer: Answer) -> Transient | Permanent:
        """The error of an answer that is not what was asked for."""
        words = cleaned(answer.words, _LONGEST_WORDS)
        if answer.status in (requests.codes.unauthorized, requests.codes.forbidden):
            way_out = "Compare FNTX_EXCHANGE_KEYS with the key at VALR; it needs the rights View and Trade"
            return Permanent(f"VALR does not accept the keys: {words}", way_out)
        if answer.status == _TOO_MANY:
            return Transient("VALR asks for fewer requests", _LATER)
        if answer.refuses:
            return Permanent(f"VALR refuses the request: {words}")
        if answer.ok:
            return unreadable()
        return Transient(f"VALR does not answer as it should: {words}", _LATER)

    def _signature(self, verb: str, path: str, body: str) -> dict[str, str]:
        if self._keys is None:
            raise Permanent("VALR answers this to an account only", "Set its keys in FNTX_EXCHANGE_KEYS")
        at = str(int(time.time() * 1000))
        secret = self._keys.secret.get_secret_value().encode()
        signature = hmac.new(secret, f"{at}{verb}{path}{body}".encode(), hashlib.sha512).hexdigest()
        key = self._keys.key.get_secret_value()
        return {"X-VALR-API-KEY": key, "X-VALR-SIGNATURE": signature, "X-VALR-TIMESTAMP": at}


def unreadable() -> Transient:
    """The error of an answer that has another form than VALR publishes."""
    return Transient("VALR's answer does not have the published form", _LATER)


def rows(content: Any) -> list[dict[str, Any]]:
    """The rows of a list. Raises Transient where the answer is none."""
    if isinstance(content, list) and all(isinstance(row, dict) for row in content):
        return content
    raise unreadable()


def text(row: Mapping[str, Any], field: str) -> str:
    """A text of a row, as it was sent. Raises Transient where it is missing."""
    value = row.get(field) if isinstance(row, dict) else None
    if isinstance(value, str) and value:
        return value
    raise unreadable()


def amount(row: Mapping[str, Any], field: str) -> Decimal:
    """A number of a row, exact. Raises Transient where it is missing or no number."""
    value = row.get(field) if isinstance(row, dict) else None
    if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise unreadable() from None
        if number.is_finite():
            return number
    raise unreadable()


def _json(body: str) -> Any:
    try:
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _lost(error: requests.RequestException) -> Transient:
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else None
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError):
        return UnsentError("VALR cannot be reached", _LATER)
    kind = "does not answer in time" if isinstance(error, requests.Timeout) else "broke the connection off"
    return Transient(f"VALR {kind}", _LATER)
