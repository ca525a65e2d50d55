"""The HTTP side of the exchanges on loopback: it reads requests, lets a dialect answer, and fails on demand.

A fault takes the place of the answer to one request that places an order, and is used up by it. Which of them leave an
order behind is the fault's own choice: that is what a client cannot know.
"""

from __future__ import annotations

import json
import random
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol, TypeVar
from urllib.parse import parse_qsl, urlsplit

from fntx_dagster.simulate.exchanges.paper import PaperExchange
from fntx_dagster.simulate.loopback import LoopbackHandler, LoopbackHttp

FaultKind = Literal["timeout", "lost", "disconnect", "garbage", "too_many", "failure"]
"""No answer in time; the connection ends without an answer, after and before the order; an answer that cannot be read;
429; 503."""
_Row = TypeVar("_Row")


class HttpRequest(NamedTuple):
    """One request, its headers' names in lower case. `fields`: what stands in its query and in a form."""

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]

    @property
    def fields(self) -> dict[str, str]:
        form = "" if self.body.startswith("{") else self.body
        return dict(parse_qsl(self.query, keep_blank_values=True)) | dict(parse_qsl(form, keep_blank_values=True))


class HttpAnswer(NamedTuple):
    """A status and a document, which is sent as JSON."""

    status: int
    document: Any


class Dialect(Protocol):
    """The protocol of one exchange."""

    @property
    def exchange(self) -> PaperExchange:
        """The exchange."""
        ...

    def places(self, request: HttpRequest) -> bool:
        """Whether a request places an order."""
        ...

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Do what is asked, and word the answer."""
        ...


class OrderFault(NamedTuple):
    """What happens to one order's request. `accepted`: whether the order is placed all the same."""

    kind: FaultKind
    accepted: bool = True


@dataclass
class ExchangeServer:
    """A running server: its address, what was asked of it, and the faults to come."""

    url: str
    dialect: Dialect
    requests: list[HttpRequest] = field(default_factory=list)
    faults: deque[OrderFault] = field(default_factory=deque)
    problems: list[Exception] = field(default_factory=list)
    """What went wrong inside: a test that ends with one failed."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end: answers that were held back go."""

    @property
    def exchange(self) -> PaperExchange:
        return self.dialect.exchange

    def fail(self, kind: FaultKind, *, accepted: bool = True) -> None:
        """Let the next order meet a fault, after those that wait already."""
        self.faults.append(OrderFault(kind, accepted))


class Shuffler:
    """Rows as an exchange delivers them that sends some twice and none in order; seeded."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def __call__(self, rows: list[_Row]) -> list[_Row]:
        delivered = [*rows, *(row for row in rows if self._random.random() < 0.5)]
        self._random.shuffle(delivered)
        return delivered


@contextmanager
def serve_exchange(dialect: Dialect) -> Iterator[ExchangeServer]:
    """Serve an exchange on a free port of loopback until the block ends."""
    http = _Http(("127.0.0.1", 0), _Handler)
    server = http.shared = ExchangeServer(f"http://127.0.0.1:{http.server_address[1]}", dialect)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Http(LoopbackHttp):
    """The sockets; `shared` is what the handlers share."""

    shared: ExchangeServer


class _Handler(LoopbackHandler):
    """One connection."""

    def _respond(self) -> None:
        assert isinstance(self.server, _Http)
        server = self.server.shared
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        request = HttpRequest(self.command, parts.path, parts.query, body, headers)
        server.requests.append(request)
        fault = server.faults.popleft() if server.faults and server.dialect.places(request) else None
        try:
            answer = server.dialect.answer(request) if fault is None or fault.accepted else HttpAnswer(503, {})
        except Exception as problem:
            server.problems.append(problem)
            answer = HttpAnswer(500, {})
        if fault is None:
            self.respond(answer.status, json.dumps(answer.document).encode(), "application/json")
        else:
            self._fail(fault, server)

    def _fail(self, fault: OrderFault, server: ExchangeServer) -> None:
        if fault.kind == "too_many":
            self.respond(429, b'{"msg":"too many requests"}', "application/json")
        elif fault.kind == "failure":
            self.respond(503, b"<html>Service Unavailable</html>", "text/html")
        elif fault.kind == "garbage":
            self.respond(200, b"<html>\xf0\x9f", "text/html")
        else:
            if fault.kind == "timeout":
                server.released.wait()
            self.cut()

    do_GET = do_POST = do_DELETE = do_PUT = _respond
