"""A node's answer over HTTP, taken from a stranger: bounded in time, in size and in depth.

Python's JSON parser recurses, and the EVM's libraries raise its limit: an answer that is nested deeply enough would end
the process. Imports web3 at the top: import this module only where a node answers.
"""

from __future__ import annotations

import re
import time
from itertools import accumulate
from typing import Any

from requests import ConnectionError as CutOff
from requests import Timeout
from urllib3.exceptions import HTTPError
from web3._utils.http_session_manager import HTTPSessionManager

MAX_DEPTH = 64
MAX_BYTES = 32_000_000
"""The answer about a block of the busiest chains has a tenth of that."""

_PIECE = 65_536
# Texts, and what else is no bracket. A text that is not ended goes on to the end: the time grows with the length only.
_NO_BRACKET = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[^][{}"]+', re.DOTALL)


class BoundedSessions(HTTPSessionManager):
    """web3's sessions, whose whole answer has the time that web3 gives to each of its reads (`timeout`, seconds)."""

    def make_post_request(self, endpoint_uri: Any, data: Any, **kwargs: Any) -> bytes:
        """The answer's body. requests' Timeout where it takes too long, ValueError where it is no node's."""
        deadline = time.monotonic() + kwargs["timeout"]
        kwargs |= {"stream": True, "allow_redirects": False}  # the URL may hold a key, which is the named node's only
        with self.get_response_from_post_request(endpoint_uri, data=data, **kwargs) as response:
            response.raise_for_status()
            body = bytearray()
            try:
                while piece := response.raw.read1(_PIECE, decode_content=True):
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise ValueError("the answer is too long")
                    if time.monotonic() > deadline:
                        raise Timeout("the answer takes too long")
            except HTTPError:
                raise CutOff("the answer was cut off") from None
        if depth_of(bytes(body)) > MAX_DEPTH:
            raise ValueError("the answer is nested too deeply")
        return bytes(body)


def depth_of(body: bytes) -> int:
    """How deep the brackets of a JSON text are nested."""
    brackets = _NO_BRACKET.sub(b"", body)
    return max(accumulate((1 if bracket in b"[{" else -1 for bracket in brackets), initial=0))
