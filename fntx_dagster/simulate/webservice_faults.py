"""What the simulated Flex Web Service may answer instead of a statement: its error codes, and faults on demand.

Here is what goes wrong; the service that gives these answers is in `webservice`. A fault takes the place of one answer,
or changes it, and is used up by that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import NamedTuple, Protocol

SEND, GET = "SendRequest", "GetStatement"
"""The two stages of a download."""

MESSAGES = {
    1001: "Statement could not be generated at this time. Please try again shortly.",
    1003: "Statement is not available.",
    1004: "Statement is incomplete at this time. Please try again shortly.",
    1005: "Settlement data is not ready at this time. Please try again shortly.",
    1006: "FIFO P/L data is not ready at this time. Please try again shortly.",
    1007: "MTM P/L data is not ready at this time. Please try again shortly.",
    1008: "MTM and FIFO P/L data is not ready at this time. Please try again shortly.",
    1009: "The server is under heavy load. Statement could not be generated at this time. Please try again shortly.",
    1010: "Legacy Flex Queries are no longer supported. Please convert over to Activity Flex.",
    1011: "Service account is inactive.",
    1012: "Token has expired.",
    1013: "IP restriction.",
    1014: "Query is invalid.",
    1015: "Token is invalid.",
    1016: "Account in invalid.",
    1017: "Reference code is invalid.",
    1018: "Too many requests have been made from this token. Please try again shortly.",
    1019: "Statement generation in progress. Please try again shortly.",
    1020: "Invalid request or unable to validate request.",
    1021: "Statement could not be retrieved at this time. Please try again shortly.",
}


class RequestAndAnswer(Protocol):
    """One request and its answer, as a fault sees them."""

    @property
    def handler(self) -> BaseHTTPRequestHandler:
        """The connection."""
        ...

    @property
    def service_url(self) -> str:
        """The address of the service, without a stage."""
        ...

    def refuse(self, code: int, message: str | None = None, status: str | None = None) -> None:
        """Send an error document."""

    def accept(self, ready_after: float = 0.0, url: str = "{url}/" + GET, url_tag: str = "Url") -> None:
        """Send a reference for the requested statement, unless the request has a problem."""

    def document(self) -> bytes:
        """The whole statement."""
        ...

    def send(
        self,
        content: bytes,
        *,
        status: int = 200,
        content_type: str = "text/xml;charset=utf-8",
        headers: Mapping[str, str] | None = None,
        promised: int | None = None,
    ) -> None:
        """Send a body with its length, or with another that was `promised`."""

    def send_pieces(self, pieces: Iterable[bytes], finished: bool = True) -> None:
        """Send a body of unknown length, chunked."""

    def hold(self, hang: Hang) -> None:
        """Remember a hang, so that the service releases it when it stops."""


class Fault(NamedTuple):
    """What takes the place of the next answer at `stage`; made by the functions below."""

    stage: str
    name: str
    give: Callable[[RequestAndAnswer], None]


def refuse(code: int, stage: str = SEND, message: str | None = None, status: str | None = None) -> Fault:
    """An error document; `{token}` in `message` echoes the token."""

    def give(exchange: RequestAndAnswer) -> None:
        exchange.refuse(code, message, status)

    return Fault(stage, str(code), give)


def in_progress(times: int = 1) -> list[Fault]:
    """`times` answers that the statement is being generated."""
    return [refuse(1019, GET)] * times


def slow(seconds: float) -> Fault:
    """The statement that is requested next takes `seconds` to generate."""
    return Fault(SEND, "reference", lambda exchange: exchange.accept(ready_after=seconds))


def answer_url(url: str) -> Fault:
    """The answer to the request points elsewhere; `{url}` is the right address, `{token}` the token."""
    return Fault(SEND, "reference", lambda exchange: exchange.accept(url=url))


def lower_case_url() -> Fault:
    """The answer to the request says `<url>`."""
    return Fault(SEND, "reference", lambda exchange: exchange.accept(url_tag="url"))


def http(status: int, stage: str = SEND, location: str | None = None) -> Fault:
    """An HTTP status without a document; with `location`, a redirection (`{url}` as above)."""

    def give(exchange: RequestAndAnswer) -> None:
        headers = {"Location": location.replace("{url}", exchange.service_url)} if location else {}
        exchange.send(b"", status=status, headers=headers)

    return Fault(stage, f"http {status}", give)


def body(content: bytes, stage: str = GET, content_type: str = "text/xml;charset=utf-8") -> Fault:
    """Any body at all, whole and with its length: HTML, nothing, XML that stops in the middle."""
    return Fault(stage, "body", lambda exchange: exchange.send(content, content_type=content_type))


def html(stage: str = GET) -> Fault:
    """A page for people."""
    page = b"<!DOCTYPE html><html><body><p>Our systems are down for maintenance.<br></body></html>"
    return body(page, stage, "text/html")


def cut(after: int) -> Fault:
    """The statement's first bytes under the length of the whole, then the end of the connection."""

    def give(exchange: RequestAndAnswer) -> None:
        whole = exchange.document()
        exchange.send(whole[:after], promised=len(whole))
        exchange.handler.close_connection = True

    return Fault(GET, "cut", give)


def cut_chunked(after: int) -> Fault:
    """The statement's first bytes, chunked, then the end of the connection without a last chunk."""

    def give(exchange: RequestAndAnswer) -> None:
        exchange.send_pieces([exchange.document()[:after]], finished=False)
        exchange.handler.close_connection = True

    return Fault(GET, "cut", give)


def cut_document(after: int) -> Fault:
    """The statement's first bytes with their own, right length."""
    return Fault(GET, "cut", lambda exchange: exchange.send(exchange.document()[:after]))


class Hang:
    """An answer that does not come, or stops after `after` bytes of the statement, until it is released.

    The client is stuck once `reached` is set. `release` lets the connection end.
    """

    def __init__(self, stage: str = GET, after: int | None = None) -> None:
        self.stage = stage
        self.reached = threading.Event()
        self._released = threading.Event()
        self._after = after

    def release(self) -> None:
        self._released.set()

    @property
    def fault(self) -> Fault:
        return Fault(self.stage, "hang", self._give)

    def _give(self, exchange: RequestAndAnswer) -> None:
        exchange.hold(self)
        if self._after is not None:
            whole = exchange.document()
            exchange.send(whole[: self._after], promised=len(whole))
        self.reached.set()
        self._released.wait()
        exchange.handler.close_connection = True
