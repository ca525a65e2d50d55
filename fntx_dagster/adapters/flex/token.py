"""The token of the Flex Web Service: a secret that the service wants in every URL, kept out of everything else.

Here belongs what hides it: from tracebacks, from texts, and from the records that the HTTP library logs.
"""

from __future__ import annotations

import logging
import re
from typing import Protocol
from urllib.parse import quote, quote_plus


class Secret(Protocol):
    def get_secret_value(self) -> str: ...


class Token:
    """The secret, which not even a traceback with local variables shows."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value.strip()

    def __repr__(self) -> str:
        return "Token(…)"

    def removed_from(self, text: str) -> str:
        forms = {self.value, quote(self.value, safe=""), quote_plus(self.value)}
        return re.sub("|".join(map(re.escape, forms)), "…", text, flags=re.IGNORECASE)


def clean_logs() -> None:
    """A logger's filter sees no record of the loggers beneath it, so each gets it; adding it again changes nothing."""
    for name in ("urllib3", "requests", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("urllib3", "requests"):
            logging.getLogger(name).addFilter(_without_token)


class _WithoutToken(logging.Filter):
    """Takes the token out of the request lines that urllib3 logs at DEBUG, and out of its warnings.

    A warning quotes what the server sent, beside the URL: what the URL has as a token goes from the whole record.
    """

    _PARAMETER = re.compile(r"(?<![A-Za-z0-9_])t=([^&\s'\")]+)")

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if tokens := set(self._PARAMETER.findall(text)):
            record.msg, record.args = re.sub("|".join(map(re.escape, tokens)), "…", text), None
            record.exc_info = record.exc_text = None
        return True


_without_token = _WithoutToken()
