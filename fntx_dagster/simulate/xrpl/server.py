"""The HTTP side: JSON-RPC on loopback, a state file, ledgers that close by time, and faults on demand."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.simulate.loopback import LoopbackHandler, LoopbackHttp
from fntx_dagster.simulate.xrpl.faults import FaultPlan, PlannedFault
from fntx_dagster.simulate.xrpl.ledger import XrplLedger, new_ledger, restored
from fntx_dagster.simulate.xrpl.methods import CHANGING, answer
from fntx_dagster.simulate.xrpl.refusals import MethodRefusedError

HOST = "127.0.0.1"
_LARGEST_BODY = 1 << 20
_SUBMITTING = ("submit", "submit_multisigned")


class RpcRequest(NamedTuple):
    """One request as it came."""

    method: str
    params: dict[str, Any]


@dataclass
class XrplServer:
    """A running server: its address, its ledger, and what was asked of it."""

    ledger: XrplLedger
    file: Path | None = None
    faults: FaultPlan | None = None
    """None: a request cannot plan any."""
    url: str = ""
    asked: list[RpcRequest] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)
    """What went wrong inside: a test that ends with one failed."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end: answers that were held back go."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if self.faults is not None:
            clock, plan = self.ledger.clock, self.faults
            self.ledger.clock = lambda: clock() + plan.advanced

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """What the server answers, without HTTP and without faults."""
        return self.result(method, params)

    def fail(self, **params: Any) -> None:
        """Plan a fault, as the request `fault` does."""
        assert self.faults is not None, "the server was started without faults"
        with self.lock:
            self.faults.plan(self.ledger, params)

    def close_ledger(self) -> None:
        """Close the open ledger."""
        with self.lock:
            self.ledger.close()
            self.save()

    def result(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The field `result` of an answer; what changed is in the file before anybody hears of it."""
        with self.lock:
            try:
                if method == "fault" and self.faults is not None:
                    return self.faults.plan(self.ledger, params) | {"status": "success"}
                if method in _SUBMITTING and self.faults is not None:
                    self.faults.before_submission(self.ledger)
                found = answer(self.ledger, method, params)
                if method in CHANGING:
                    self.save()
                return found | {"status": "success"}
            except MethodRefusedError as refusal:
                return refused(refusal, method, params)

    def save(self) -> None:
        """Write the state beside its file, then put it in its place: a process that is killed leaves a whole one."""
        if self.file is not None:
            beside = self.file.with_name(f"{self.file.name}.new")
            beside.write_text(json.dumps(self.ledger.document()), encoding="utf-8")
            os.replace(beside, self.file)


def refused(refusal: MethodRefusedError, method: str, params: dict[str, Any]) -> dict[str, Any]:
    """An error answer."""
    return {
        "error": refusal.name,
        "error_code": refusal.code,
        "error_message": refusal.message,
        "request": params | {"command": method},
        "status": "error",
    } | refusal.more


def opened(file: Path | None, new: Callable[[], XrplLedger]) -> XrplLedger:
    """The ledger of a file, or a new one where there is no file yet."""
    if file is not None and file.exists():
        return restored(json.loads(file.read_text(encoding="utf-8")))
    return new()


@contextmanager
def serve_xrpl(
    ledger: XrplLedger | None = None,
    *,
    file: Path | None = None,
    port: int = 0,
    closes_every: float | None = None,
    faults: bool = True,
) -> Iterator[XrplServer]:
    """Serve a ledger on loopback until the block ends; port 0 takes any free one. Without `closes_every`, in seconds,
    a ledger closes when `ledger_accept` or `close_ledger` says so."""
    http = _Http((HOST, port), _Handler)
    plan = FaultPlan() if faults else None
    server = http.shared = XrplServer(opened(file, lambda: ledger or new_ledger({})), file, plan)
    server.url = f"http://{HOST}:{http.server_address[1]}"
    server.save()
    threads = [threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)]
    if closes_every is not None:
        threads.append(threading.Thread(target=_close_by_time, args=(server, closes_every), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        server.released.set()
        http.shutdown()
        http.server_close()
        for thread in threads:
            thread.join()


def _close_by_time(server: XrplServer, seconds: float) -> None:
    while not server.released.wait(seconds):
        try:
            server.close_ledger()
        except Exception as problem:  # the next one may close
            server.problems.append(problem)


class _Http(LoopbackHttp):
    """The sockets; `shared` is what the handlers share."""

    block_on_close = False
    shared: XrplServer


class _Handler(LoopbackHandler):
    """One connection."""

    timeout = 60

    def do_POST(self) -> None:
        assert isinstance(self.server, _Http)
        server = self.server.shared
        if not self._is_for_us():
            self.respond(403, b"the host is not this machine's own")
            return
        length = self.headers.get("Content-Length") or ""
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self.respond(413 if length.isdigit() else 411, b"a body of a known length, at most a megabyte")
            return
        request = _read(self.rfile.read(int(length)))
        if request is None:
            self.respond(400, b"no JSON-RPC request")
            return
        server.asked.append(request)
        with server.lock:
            fault = server.faults.next_for(request.method) if server.faults else None
        result = self._result(server, request) if fault is None or fault.taken else {}
        if fault is None:
            self._send_json({"result": result})
        else:
            self._fail(server, request, fault)

    def _result(self, server: XrplServer, request: RpcRequest) -> dict[str, Any]:
        try:
            return server.result(*request)
        except Exception as problem:
            server.problems.append(problem)
            return refused(MethodRefusedError("internal"), *request)

    def _is_for_us(self) -> bool:
        """Whether the request names this machine: a page in a browser could send its own name's requests here."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        return host in (HOST, "localhost")

    def _fail(self, server: XrplServer, request: RpcRequest, fault: PlannedFault) -> None:
        if fault.kind == "error":
            self._send_json({"result": refused(MethodRefusedError(fault.error), *request)})
        elif fault.kind == "status":
            self.respond(fault.status, b"<html>Service Unavailable</html>")
        elif fault.kind == "garbage":
            self.respond(200, b"<html>\xf0\x9f")
        else:
            if fault.kind == "hang":
                server.released.wait(fault.seconds)
            self.cut()

    def _send_json(self, document: Any) -> None:
        self.respond(200, json.dumps(document).encode(), "application/json; charset=UTF-8")


def _read(body: bytes) -> RpcRequest | None:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("method"), str):
        return None
    params = said.get("params") or [{}]
    if not isinstance(params, list) or not isinstance(params[0], dict):
        return None
    return RpcRequest(said["method"], params[0])


def wait_for(file: Path, seconds: float = 10) -> str:
    """The address that a process of its own wrote into a file, once it is there."""
    deadline = time.monotonic() + seconds
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the simulated ledger did not start within {seconds:g} seconds")
        time.sleep(0.02)
    return file.read_text(encoding="utf-8")
