"""A Horizon that does not exist, on loopback: sockets, the ledgers' clock, faults on demand, what a test may change.

`/simulated/faults`, `/simulated/ledgers` and `/simulated/accounts` exist only where the server was started with faults.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from fntx_dagster.serving.asgi import host_alone, is_loopback
from fntx_dagster.simulate.horizon.entries import account_from_json
from fntx_dagster.simulate.horizon.faults import HorizonFault, HorizonFaults
from fntx_dagster.simulate.horizon.network import StellarNetwork
from fntx_dagster.simulate.horizon.problems import HorizonAnswer, problem
from fntx_dagster.simulate.horizon.routes import Routes
from fntx_dagster.simulate.loopback import LoopbackHandler, LoopbackHttp

_LARGEST = 1_000_000
_STATUSES = {429: "rate_limit_exceeded", 503: "server_over_capacity", 504: "timeout"}


class HorizonRequest(NamedTuple):
    """A request that came."""

    method: str
    path: str


@dataclass
class SimulatedHorizon:
    """A running server."""

    url: str
    network: StellarNetwork
    routes: Routes
    with_faults: bool
    faults: HorizonFaults = field(default_factory=HorizonFaults)
    requests: list[HorizonRequest] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    """What went wrong inside: a test that ends with one failed."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end: requests that get no answer end."""

    def fail(self, method: str, path: str, kind: Any, **more: Any) -> None:
        """Let requests meet a fault."""
        self.faults.add(HorizonFault(method, path, kind, **more))

    def administer(self, path: str, values: dict[str, Any]) -> HorizonAnswer:
        """What a test asks for over HTTP."""
        network = self.network
        if path == "/simulated/faults":
            self.faults.add(HorizonFault(**values))
        elif path == "/simulated/ledgers":
            network.halted = bool(values.get("halted", network.halted))
            for _ in range(int(values.get("close", 0))):
                network.close(int(values.get("seconds", 1)))
        elif path == "/simulated/accounts":
            known = network.accounts.get(values["account_id"])
            network.put(replace(known, **_changes(values)) if known else account_from_json(values))
        else:
            return problem("not_found")
        return HorizonAnswer(200, {"sequence": network.last.sequence, "closed_at": network.last.closed_at})


@contextmanager
def serve_horizon(
    network: StellarNetwork,
    *,
    port: int = 0,
    closes_every: float = 0,
    wait_seconds: float = 30,
    with_faults: bool = False,
) -> Iterator[SimulatedHorizon]:
    """Serve a network on loopback until the block ends. A ledger closes every so many seconds; with 0, as soon as a
    transaction was taken. `wait_seconds`: how long a POST waits for its ledger before it answers 504."""
    http = _Http(("127.0.0.1", port), _Handler)
    url = f"http://127.0.0.1:{http.server_address[1]}"

    def taken() -> None:
        if closes_every == 0 and not network.halted:
            network.close()

    routes = Routes(network, url, wait_seconds, taken)
    server = http.shared = SimulatedHorizon(url, network, routes, with_faults)
    ended = threading.Event()
    threads = [threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)]
    if closes_every:
        threads.append(threading.Thread(target=_close_every, args=(network, closes_every, ended), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        ended.set()
        server.released.set()
        http.shutdown()
        http.server_close()
        for thread in threads:
            thread.join()


def _close_every(network: StellarNetwork, seconds: float, ended: threading.Event) -> None:
    while not ended.wait(seconds):
        if not network.halted:
            network.close()


def _changes(values: dict[str, Any]) -> dict[str, Any]:
    entry = account_from_json({"balance": 0, "sequence": 0, **values})
    return {name: getattr(entry, name) for name in values}


class _Http(LoopbackHttp):
    """The sockets; `shared` is what the handlers share."""

    shared: SimulatedHorizon


class _Handler(LoopbackHandler):
    """One connection."""

    def _respond(self) -> None:
        assert isinstance(self.server, _Http)
        server = self.server.shared
        parts = urlsplit(self.path)
        path = unquote(parts.path).rstrip("/") or "/"
        server.requests.append(HorizonRequest(self.command, path))
        length = self.headers.get("Content-Length") or "0"
        host = host_alone((self.headers.get("Host") or "").lower())
        if host is None or not is_loopback(host) or not length.isdigit() or int(length) > _LARGEST:
            self.close_connection = True
            self._send(problem("forbidden"))
            return
        body = self.rfile.read(int(length)).decode("utf-8", "replace")
        fault = server.faults.next_for(self.command, path) if not path.startswith("/simulated") else None
        try:
            answer = (
                self._answer(server, path, dict(parse_qsl(parts.query)), body) if not fault or fault.taken else None
            )
        except Exception as error:
            server.problems.append(error)
            self._send(HorizonAnswer(500, {"title": "Internal Server Error", "status": 500}, problem=True))
            return
        if fault is not None:
            self._fail(fault, server)
        elif answer is not None:
            self._send(answer)

    def _answer(self, server: SimulatedHorizon, path: str, query: dict[str, str], body: str) -> HorizonAnswer:
        if path.startswith("/simulated/") and self.command == "POST" and server.with_faults:
            return server.administer(path, json.loads(body))
        if self.command == "GET":
            return server.routes.get(path, query)
        return server.routes.post(path, dict(parse_qsl(body)))

    def _fail(self, fault: HorizonFault, server: SimulatedHorizon) -> None:
        if fault.kind == "problem":
            self._send(problem(_STATUSES.get(fault.status, "server_over_capacity"))._replace(status=fault.status))
        elif fault.kind == "garbage":
            self.respond(200, b"<html>\xf0\x9f", "text/html")
        else:
            if fault.kind == "silent":
                server.released.wait()
            self.cut()

    def _send(self, answer: HorizonAnswer) -> None:
        kind = "application/problem+json" if answer.problem else "application/hal+json"
        self.respond(answer.status, json.dumps(answer.document).encode(), f"{kind}; charset=utf-8")

    do_GET = do_POST = _respond
