"""The broker's Flex Web Service on loopback: its protocol, a log of the requests, faults on demand.

`serve` knows tokens, queries, references and limits; a callable of the caller's gives the statements. The service gives
its faults, which are in `webservice_faults`, in the order in which it got them. It prints nothing.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.simulate.loopback import LoopbackHttp
from fntx_dagster.simulate.webservice_faults import GET, MESSAGES, SEND, Fault, Hang

Statements = Callable[[str, str, date | None, date | None], Iterable[bytes] | None]
"""Token, query id, first and last day of the window → the document, None where there are no data. The service sends
bytes with their length, and anything else piece by piece, chunked."""


@dataclass
class ReceivedRequest:
    """One request as it arrived. `query_id`, `first` and `last` of a GetStatement are those of its reference."""

    at: float
    """Seconds by the server's clock."""
    stage: str
    path: str
    headers: dict[str, str]
    token: str = ""
    query_id: str = ""
    reference: str = ""
    first: date | None = None
    last: date | None = None
    answer: str = ""
    """What the service answered: an error code, `reference`, `statement`, or the fault's name."""


@dataclass
class WebService:
    """A running service: what it answers, which requests came, and what went wrong inside."""

    statements: Statements
    tokens: Mapping[str, Collection[str]]
    """Valid tokens, and the ids of the queries that each may run."""
    expired: set[str]
    limits: bool
    now: Callable[[], float]
    url: str = ""
    asked: list[ReceivedRequest] = field(default_factory=list)
    hanging: list[Hang] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    """Exceptions inside the server, except that a client hung up."""
    _faults: dict[tuple[str | None, str | None], deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _references: dict[str, _Reference] = field(default_factory=dict)
    _arrivals: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _numbers: Iterator[int] = field(default_factory=lambda: count(4_000_000_001))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def will(
        self, *faults: Fault | Hang | Iterable[Fault], token: str | None = None, query_id: str | None = None
    ) -> None:
        """Give these answers next, in this order: to every request, or to those with this token or this query alone.

        Where several lists match a request, the most particular one is used first.
        """
        for fault in faults:
            if isinstance(fault, Hang):
                fault = fault.fault
            with self._lock:
                self._faults[token, query_id].extend([fault] if isinstance(fault, Fault) else fault)

    def stages(self) -> list[str]:
        """The stages of the requests, in order."""
        return [asked.stage for asked in self.asked]

    def answers(self) -> list[str]:
        """The answers to the requests, in order."""
        return [asked.answer for asked in self.asked]

    def _next_fault(self, stage: str, token: str, query_id: str) -> Fault | None:
        """The next fault of the most particular list whose turn is at this stage."""
        with self._lock:
            for key in ((token, query_id), (token, None), (None, query_id), (None, None)):
                faults = self._faults.get(key)
                if faults and faults[0].stage == stage:
                    return faults.popleft()
        return None

    def _throttles(self, token: str, at: float) -> bool:
        """Whether a request exceeds 1 a second or 10 a minute; a refused request counts too."""
        with self._lock:
            arrivals = self._arrivals[token]
            recent = [arrival for arrival in arrivals if at - arrival < 60]
            arrivals.append(at)
            return len(recent) >= 10 or any(at - arrival < 1 for arrival in recent)


@contextmanager
def serve(
    statements: Statements,
    tokens: Mapping[str, Collection[str]],
    *,
    expired: Iterable[str] = (),
    limits: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> Iterator[WebService]:
    """A service on 127.0.0.1 while the block lasts; `now` is its clock in seconds, for generation and for limits."""
    broker = WebService(statements, tokens, set(expired), limits, now)
    server = _Server(("127.0.0.1", 0), _Handler)
    server.broker = broker
    broker.url = f"http://127.0.0.1:{server.server_address[1]}/AccountManagement/FlexWebService"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield broker
    finally:
        for hang in broker.hanging:
            hang.release()
        server.shutdown()
        server.server_close()
        thread.join()


# -- the server's side ------------------------------------------------------------------------------------------------

_MOST_DAYS = 365
_PIECE = 1 << 16


class _Reference(NamedTuple):
    """A statement that was requested."""

    token: str
    query_id: str
    first: date | None
    last: date | None
    ready_at: float


class _Server(LoopbackHttp):
    broker: WebService
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep the error for the tests and print nothing. That a client hung up is normal."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.broker.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def do_GET(self) -> None:
        _Exchange(self).answer()


class _Exchange:
    """One request and its answer."""

    def __init__(self, handler: _Handler) -> None:
        self.handler = handler
        assert isinstance(handler.server, _Server)
        self.broker = handler.server.broker
        parts = urlsplit(handler.path)
        self._given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        stage = parts.path.rpartition("/")[2]
        self.asked = ReceivedRequest(self.broker.now(), stage, handler.path, dict(handler.headers.items()))
        self.asked.token = self._given.get("t", "")
        self._reference: _Reference | None = None
        if stage == GET:
            self.asked.reference = self._given.get("q", "")
            self._reference = self.broker._references.get(self.asked.reference)
            if self._reference is not None:
                _, self.asked.query_id, self.asked.first, self.asked.last, _ = self._reference
        else:
            self.asked.query_id = self._given.get("q", "")
            with suppress(ValueError):
                self.asked.first, self.asked.last = self._window()
        self.broker.asked.append(self.asked)

    def answer(self) -> None:
        asked, broker = self.asked, self.broker
        if not self._path_is_served():
            self._http(404)
        elif not asked.headers.get("User-Agent"):
            self._http(403)
        elif fault := broker._next_fault(asked.stage, asked.token, asked.query_id):
            asked.answer = fault.name
            fault.give(self)
        elif self._problem:
            self.refuse(self._problem)
        elif asked.stage == SEND:
            self.accept()
        else:
            self._deliver()

    def refuse(self, code: int, message: str | None = None, status: str | None = None) -> None:
        """Send an error document."""
        self.asked.answer = str(code)
        words = MESSAGES.get(code, "Unexpected error.") if message is None else message
        words = words.replace("{token}", self.asked.token)
        self._respond(
            f"<Status>{status or ('Warn' if code == 1019 else 'Fail')}</Status>\n"
            f"<ErrorCode>{code}</ErrorCode>\n<ErrorMessage>{escape(words)}</ErrorMessage>"
        )

    def accept(self, ready_after: float = 0.0, url: str = "{url}/" + GET, url_tag: str = "Url") -> None:
        """Send a reference for the requested statement, unless the request has a problem."""
        if self._problem:
            self.refuse(self._problem)
            return
        asked, broker = self.asked, self.broker
        asked.reference, asked.answer = str(next(broker._numbers)), "reference"
        broker._references[asked.reference] = _Reference(
            asked.token, asked.query_id, asked.first, asked.last, broker.now() + ready_after
        )
        url = url.replace("{url}", broker.url).replace("{token}", asked.token)
        self._respond(
            f"<Status>Success</Status>\n<ReferenceCode>{asked.reference}</ReferenceCode>\n"
            f"<{url_tag}>{escape(url)}</{url_tag}>"
        )

    @property
    def service_url(self) -> str:
        """The address of the service, without a stage."""
        return self.broker.url

    def hold(self, hang: Hang) -> None:
        """Remember a hang, so that the service releases it when it stops."""
        self.broker.hanging.append(hang)

    def document(self) -> bytes:
        """The whole statement."""
        pieces = self._pieces() or b""
        return pieces if isinstance(pieces, bytes) else b"".join(pieces)

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
        handler = self.handler
        handler.send_response(status)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(content) if promised is None else promised))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        handler.wfile.flush()

    def send_pieces(self, pieces: Iterable[bytes], finished: bool = True) -> None:
        """Send a body of unknown length, chunked, without keeping it in memory."""
        handler = self.handler
        handler.send_response(200)
        handler.send_header("Content-Type", "text/xml;charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in _gathered(pieces):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if finished:
            handler.wfile.write(b"0\r\n\r\n")
        handler.wfile.flush()

    def _path_is_served(self) -> bool:
        base = urlsplit(self.broker.url).path
        return urlsplit(self.handler.path).path in (f"{base}/{SEND}", f"{base}/{GET}")

    @cached_property
    def _problem(self) -> int | None:
        """The code of what is wrong with the request, in the order in which the service looks."""
        asked, broker = self.asked, self.broker
        if self._given.get("v") != "3" or not asked.token or not self._given.get("q"):
            return 1020
        if asked.token in broker.expired:
            return 1012
        if asked.token not in broker.tokens:
            return 1015
        if broker.limits and broker._throttles(asked.token, asked.at):
            return 1018
        if asked.stage == GET:
            if self._reference is None or self._reference.token != asked.token:
                return 1017
            return 1019 if broker.now() < self._reference.ready_at else None
        if asked.query_id not in broker.tokens[asked.token]:
            return 1014
        try:
            self._window()
        except ValueError:
            return 1020
        return None

    def _window(self) -> tuple[date | None, date | None]:
        """The days of `fd` and `td`. ValueError where one is missing or has another form, and where the window is
        backwards or too long."""
        given = [self._given.get(name) for name in ("fd", "td")]
        if given == [None, None]:
            return None, None
        first, last = (datetime.strptime(text or "", "%Y%m%d").date() for text in given)
        if not 0 <= (last - first).days < _MOST_DAYS:
            raise ValueError("a window is from 1 to 365 days")
        return first, last

    def _pieces(self) -> Iterable[bytes] | None:
        reference = self._reference
        if reference is None:
            return None
        return self.broker.statements(reference.token, reference.query_id, reference.first, reference.last)

    def _deliver(self) -> None:
        pieces = self._pieces()
        if pieces is None:
            self.refuse(1003)
            return
        self.asked.answer = "statement"
        if isinstance(pieces, bytes):
            self.send(pieces)
        else:
            self.send_pieces(pieces)

    def _http(self, status: int) -> None:
        self.asked.answer = f"http {status}"
        self.send(b"", status=status)

    def _respond(self, inner: str) -> None:
        stamp = datetime.now(UTC).astimezone(NEW_YORK)
        opening = f"<FlexStatementResponse timestamp='{stamp:%d %B, %Y %I:%M %p %Z}'>"
        self.send(f"{opening}\n{inner}\n</FlexStatementResponse>\n".encode())


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of at least 64 KiB: a statement may come row by row."""
    waiting, size = [], 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    if size:
        yield b"".join(waiting)
