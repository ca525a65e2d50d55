"""One question to a rippled or a Horizon, and its answer, within limits: 10 MB, half a minute, no other server."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from fntx_dagster.errors import Transient

SECONDS = 30.0
MOST_BYTES = 10_000_000
_PIECE = 1 << 16
_WAY_OUT = "Try again, or name another server"


def ask_rippled(url: str, method: str, params: Mapping[str, Any]) -> Any:
    """The `result` of an answer, one that tells an error too. Transient where the server does not answer."""
    answer = _fetched(url, {"method": method, "params": [{**params, "api_version": 2}]})
    if answer is None or "result" not in answer:
        raise Transient("the server does not answer as a rippled does", _WAY_OUT)
    return answer["result"]


def ask_horizon(url: str, path: str) -> Any:
    """What Horizon answers under a path; None where it has nothing there. Transient where it does not answer."""
    return _fetched(url.rstrip("/") + path, None)


def _fetched(url: str, question: Mapping[str, Any] | None) -> Any:
    """The object that a server answers; None for 404 of a path."""
    import requests

    method, body = ("GET", None) if question is None else ("POST", json.dumps(question))
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "fntx-verify"}
    deadline = time.monotonic() + SECONDS
    try:
        # a redirect is not followed: the URL may hold a key, which is the named server's only
        with requests.request(
            method, url, data=body, headers=headers, timeout=SECONDS / 3, stream=True, allow_redirects=False
        ) as response:
            if response.status_code == requests.codes.not_found and question is None:
                return None
            if response.status_code != requests.codes.ok:
                raise Transient(f"the server does not answer (HTTP {response.status_code})", _WAY_OUT)
            answer = json.loads(_body(response, deadline))
    except (OSError, ValueError, RecursionError) as error:  # requests' errors are OSErrors, those of URLs ValueErrors
        raise Transient(f"the server does not answer ({type(error).__name__})", _WAY_OUT) from None
    if not isinstance(answer, dict):
        raise Transient("the server does not answer (it answers no object)", _WAY_OUT)
    return answer


def _body(response: Any, deadline: float) -> bytes:
    body = bytearray()
    while piece := response.raw.read1(_PIECE, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            raise ValueError("the answer is too long")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer takes too long")
    return bytes(body)
