"""How the client's requests go out: exact amounts, a key for what must happen once, and the same request again where an
answer is lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from uuid import uuid4

import requests

Amount = Decimal | int | str
"""An exact number: floats are refused."""

_AGAIN = (409, 429, 502, 503, 504)
"""Statuses after which the same request may go again: the first is still under way, or nobody took it."""


class ApiProblem(Exception):
    """What the API answered instead: the HTTP status, the code for programs, the words, and each wrong field
    (`field`, `code`, `message`)."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(body.get("code", ""))
        self.detail = str(body.get("detail", ""))
        self.errors: list[dict[str, str]] = list(body.get("errors", ()))
        super().__init__(f"{status} {self.code}: {self.detail}")


class Requester:
    """One caller's way to the API. `url`: where it is served, by `fntx api serve` or (`http://localhost:8765`) by
    `fntx serve`.

    `timeout`: seconds that an answer may take; `attempts`: how often a request goes at most before its error is raised;
    `now`: the moment that requests state, where the server runs with simulated time.
    """

    def __init__(
        self,
        token: str,
        url: str = "http://127.0.0.1:8000",
        *,
        is_paper: bool = True,
        timeout: float = 30,
        attempts: int = 4,
        now: datetime | None = None,
    ) -> None:
        self.is_paper = is_paper
        self.now = now
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._attempts = attempts
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _get(self, path: str, **query: object) -> Any:
        wanted = {name: written(value) for name, value in query.items() if value is not None}
        return self._call("GET", path, params=wanted | {"is_paper": "true" if self.is_paper else "false"})

    def _post(self, path: str, **body: object) -> Any:
        return self._call("POST", path, json=written(body | {"is_paper": self.is_paper}))

    def _keyed(self, path: str, body: Mapping[str, object], key: str | None) -> Any:
        """A request that happens once, however often it goes."""
        sent = written({**body, "is_paper": self.is_paper})
        return self._call("POST", path, json=sent, headers={"Idempotency-Key": key or str(uuid4())})

    def _call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, *, once: bool = False, **more: Any
    ) -> Any:
        """`once`: the request happens once by its content, however often it goes."""
        headers = {**(headers or {}), **({"FNTX-Now": self.now.isoformat()} if self.now else {})}
        again = once or method == "GET" or "Idempotency-Key" in headers
        for attempt in range(1, self._attempts + 1):
            last = attempt == self._attempts or not again
            try:
                response = self._session.request(
                    method, self._url + path, headers=headers, timeout=self._timeout, allow_redirects=False, **more
                )
            except (requests.ConnectionError, requests.Timeout) as error:
                if last:
                    error.add_note(_NOWHERE.format(url=self._url))
                    raise
                time.sleep(_pause(attempt, None))
                continue
            if response.ok:
                return response.json()
            if last or not _passes(response):
                raise ApiProblem(response.status_code, _problem(response))
            time.sleep(_pause(attempt, response.headers.get("Retry-After")))
        raise AssertionError("a request goes at least once")


_NOWHERE = (
    "Nothing answered at {url}. `fntx api serve` serves the API on http://127.0.0.1:8000, `fntx serve` with the "
    "dashboard on http://localhost:8765: give the Client the URL of the one that runs."
)


def _passes(response: requests.Response) -> bool:
    """Whether what was answered may pass by itself."""
    if response.status_code == 409:
        return _problem(response).get("code") == "request_in_progress"
    return response.status_code in _AGAIN


def _problem(response: requests.Response) -> Mapping[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    return cast(Mapping[str, Any], body) if isinstance(body, dict) else {"detail": response.reason}


def _pause(attempt: int, stated: str | None) -> float:
    """Seconds to wait: what the server says, up to a minute, or half a second and twice as long each time."""
    return min(float(stated), 60) if stated and stated.isdigit() else 0.5 * 2 ** (attempt - 1)


def written(value: object) -> Any:
    """A value as it goes out: amounts as plain texts, moments with their offset, nothing that is None.

    Raises TypeError for a float, ValueError for a moment without a zone.
    """
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float, and amounts are exact: give a Decimal, an int or a text")
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a moment needs its zone")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: written(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [written(one) for one in value]
    return value if isinstance(value, bool) or not isinstance(value, int) else f"{value}"
