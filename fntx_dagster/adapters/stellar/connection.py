"""The way to a Horizon: bounded questions over the library's client, and answers that are read with care.

An answer has five seconds for each silence, a limit for the whole, and at most two million bytes; a redirection is not
followed; nothing is asked twice by itself. What is no document of Horizon is an error, never a state.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from stellar_sdk.client.requests_client import RequestsClient
from stellar_sdk.client.response import Response
from stellar_sdk.exceptions import ConnectionError as NoConnection
from urllib3.exceptions import HTTPError

from fntx_dagster.errors import FntxError, Permanent, Transient

LARGEST = 2_000_000
"""Bytes of an answer. A page of 200 transactions has under one million."""
_LATER = "Try again later, or set FNTX_HORIZON_URL to another Horizon"
_NOT_FOUND = "/not_found"


class HorizonReply(NamedTuple):
    """A status and its document; None where it holds no JSON object."""

    status: int
    document: dict[str, Any] | None


class HorizonConnection:
    """Questions to one Horizon. `timeout` in whole seconds of silence; `post_timeout`: how long a submission waits;
    `until`: by `time.monotonic`, when the last answer has to be there."""

    def __init__(self, url: str, *, timeout: int = 5, post_timeout: float = 10, until: float = math.inf) -> None:
        try:
            parts = urlsplit(url)
            self.host = f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
        except ValueError:
            parts = None
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise Permanent("the address of Horizon is none", "Set FNTX_HORIZON_URL to https://…")
        self._url, self._until = url.rstrip("/"), until
        self._client = _BoundedClient(num_retries=0, request_timeout=timeout, post_timeout=post_timeout)

    def close(self) -> None:
        """Close its sockets."""
        self._client.close()

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """A document; None where Horizon says that it has none. Raises Transient, and Permanent where it refuses."""
        reply = self._asked(lambda: self._client.get(self._url + path, query))
        kind = (reply.document or {}).get("type")
        if reply.status == 404 and isinstance(kind, str) and kind.endswith(_NOT_FOUND):
            return None
        if reply.status == 200 and reply.document is not None:
            return reply.document
        raise self._refusal(reply.status)

    def post(self, path: str, form: dict[str, str]) -> HorizonReply:
        """What Horizon answers to a form, whatever it is. Raises Transient where it does not answer."""
        return self._asked(lambda: self._client.post(self._url + path, form))

    def unreadable(self, what: str) -> Transient:
        """The error of a document in which something is not as Horizon writes it."""
        return Transient(f"the answer of Horizon at {self.host} has {what}", _LATER)

    def _asked(self, ask: Callable[[], Response]) -> HorizonReply:
        if time.monotonic() >= self._until:
            raise Transient(f"there is no time left to ask Horizon at {self.host}", _LATER)
        try:
            response = ask()
        except NoConnection:
            raise Transient(f"Horizon at {self.host} does not answer", _LATER) from None
        try:
            document = json.loads(response.text)
        except (ValueError, RecursionError):
            document = None
        return HorizonReply(response.status_code, document if isinstance(document, dict) else None)

    def _refusal(self, status: int) -> FntxError:
        if status == 429 or status >= 500:
            return Transient(f"Horizon at {self.host} is not able to answer now (status {status})", _LATER)
        if status == 200:
            return Transient(f"{self.host} answers, and not as a Horizon does", "Check FNTX_HORIZON_URL")
        return Permanent(f"{self.host} refuses a question to Horizon (status {status})", "Check FNTX_HORIZON_URL")


class _BoundedClient(RequestsClient):
    """The library's client, which reads no more than so many bytes, and for no longer than so many seconds."""

    def get(self, url: str, params: dict[str, str] | None = None, max_content_size: int | None = None) -> Response:
        wait = self.request_timeout
        return _bounded(
            lambda: self._session.get(url, params=params, timeout=wait, stream=True, allow_redirects=False), 4 * wait
        )

    def post(self, url: str, data: dict[str, str] | None = None, json_data: dict[str, Any] | None = None) -> Response:
        wait = self.post_timeout
        return _bounded(
            lambda: self._session.post(url, data=data, timeout=wait, stream=True, allow_redirects=False), 4 * wait
        )


def _bounded(ask: Callable[[], requests.Response], seconds: float) -> Response:
    end, content = time.monotonic() + seconds, bytearray()
    try:
        with ask() as response:
            while chunk := response.raw.read1(65536, decode_content=True):
                content += chunk
                if len(content) > LARGEST or time.monotonic() > end:
                    raise NoConnection("the answer is too long")
    except (requests.RequestException, HTTPError, OSError) as error:
        raise NoConnection(type(error).__name__) from error
    text = content.decode("utf-8", "replace")
    return Response(status_code=response.status_code, text=text, headers={}, url=response.url)
