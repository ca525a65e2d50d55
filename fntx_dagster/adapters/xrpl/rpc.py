"""Questions to a server of the XRP Ledger by its JSON-RPC: asked once, read to a limit, answered within a deadline.

The library's client reads an answer of any length and waits as long as a byte comes now and then; so a request is made
here. A server's text is cleaned and cut before it is in an error; its address, which may hold a key, is in none.
"""

from __future__ import annotations

import json
import math
import time
from decimal import Decimal
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from fntx_dagster.adapters.xrpl.reply import XrplReply, unreadable
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.foreign import cleaned

MOST_BYTES = 32 * 1024 * 1024
"""Of an answer."""
_LONGEST_WORDS = 200
_PIECE = 65_536
_LATER = "Ask again in a minute, or name another server in FNTX_XRPL_URL"
_BUSY = frozenset(
    {
        "tooBusy",
        "slowDown",
        "noNetwork",
        "noCurrent",
        "noClosed",
        "notReady",
        "amendmentBlocked",
        "jsonInvalid",
        "internal",
    }
)
"""Error answers that say something about the server, not about what was asked."""


class XrplRefusedError(Permanent):
    """The server answered that there is no such thing, or that what was asked cannot be. `name` is rippled's word for
    it: actNotFound, txnNotFound, entryNotFound, lgrNotFound … `reply` holds what else it said."""

    def __init__(self, method: str, name: str, words: str, reply: XrplReply) -> None:
        self.name = name
        self.reply = reply
        super().__init__(f"the XRP Ledger's server refuses {method}: {words} ({name})")


class XrplRpc:
    """A server. Threads may share it: each question has a connection of its own.

    `connect` and `total` are seconds: for a connection, and for the whole answer. `until`: by `time.monotonic`, when
    the last answer has to be there, however many questions there are.
    """

    def __init__(self, url: str, connect: float = 5, total: float = 20, until: float = math.inf) -> None:
        self._url = url
        self._connect, self._total, self._until = connect, total, until

    def ask(self, method: str, **params: Any) -> XrplReply:
        """What the server answers.

        Raises XrplRefusedError for an error answer about what was asked, and Transient where there is no answer, none
        that can be read, or one that says that the server cannot answer now.
        """
        now = time.monotonic()
        if now >= self._until:
            raise Transient(f"there is no time left to ask {method}", _LATER)
        deadline = min(now + self._total, self._until)
        body = {"method": method, "params": [params | {"api_version": 2}]}
        try:
            with requests.Session() as session:
                session.trust_env = self._url.startswith("https:")  # no proxy between this machine and itself
                answer = session.post(
                    self._url,
                    json=body,
                    headers={"Accept-Encoding": "identity"},
                    timeout=(self._connect, self._total),
                    stream=True,
                    allow_redirects=False,
                )
                content = _content(answer, method, deadline)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Transient(
                f"the XRP Ledger's server does not answer {method} ({type(error).__name__})", _LATER
            ) from None
        return _reply(content, method)


def _content(answer: requests.Response, method: str, deadline: float) -> bytes:
    if answer.status_code != 200:
        raise Transient(f"the XRP Ledger's server answers {method} with HTTP {answer.status_code}", _LATER)
    content = bytearray()
    while piece := answer.raw.read1(_PIECE):  # what is there: a whole piece may never come
        content += piece
        if len(content) > MOST_BYTES:
            raise Transient(f"the answer to {method} is longer than {MOST_BYTES} bytes", _LATER)
        if time.monotonic() > deadline:
            raise Transient(f"the answer to {method} does not end", _LATER)
    return bytes(content)


def _reply(content: bytes, method: str) -> XrplReply:
    try:
        said = json.loads(content, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError):
        raise unreadable(method, "no JSON") from None
    result = said.get("result") if isinstance(said, dict) else None
    if not isinstance(result, dict):
        raise unreadable(method, "no result")
    reply = XrplReply(method, result)
    if result.get("status") != "error" and "error" not in result:
        return reply
    name = cleaned(str(result.get("error")), 40)
    words = cleaned(str(result.get("error_message") or result.get("error_exception") or name), _LONGEST_WORDS)
    if name in _BUSY:
        raise Transient(f"the XRP Ledger's server cannot answer {method} now: {words} ({name})", _LATER)
    raise XrplRefusedError(method, name, words, reply)
