"""The token of the Flex Web Service: a secret that the service wants in every URL, kept out of everything else.

Here belong the means to hide it: in tracebacks, in texts, and in the records that the HTTP library logs.
"""

from __future__ import annotations

import logging
import re
from typing import Protocol
from urllib.parse import quote, quote_plus


class Secret(Protocol):
    """What hands out a token, such as pydantic's SecretStr."""

    def get_secret_value(self) -> str: ...


class Token:
    """Holds the secret so that not even a traceback with local variables shows it."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value.strip()

    def __repr__(self) -> str:
        return "Token(…)"

    def removed_from(self, text: str) -> str:
        """The text with every form of the token, plain or URL-encoded, replaced by `…`."""
        forms = {self.value, quote(self.value, safe=""), quote_plus(self.value)}
        return re.sub("|".join(map(re.escape, forms)), "…", text, flags=re.IGNORECASE)


def clean_logs() -> None:
    """Remove the token from what the HTTP libraries log. A filter sees no record of the loggers beneath its own, so
    each logger gets it; a second call changes nothing."""
    for name in ("urllib3", "requests", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("urllib3", "requests"):
            logging.getLogger(name).addFilter(_without_token)


class _WithoutToken(logging.Filter):
    """Removes the token from the request lines that urllib3 logs at DEBUG, and from its warnings.

    A warning quotes what the server sent beside the URL, so the URL's token is removed from the whole record.
    """

    _PARAMETER = re.compile(r"(?<![A-Za-z0-9_])t=([^&\s'\")]+)")

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if tokens := set(self._PARAMETER.findall(text)):
            record.msg, record.args = re.sub("|".join(map(re.escape, tokens)), "…", text), None
            record.exc_info = record.exc_text = None
        return True


_without_token = _WithoutToken()
