"""The embedded chain as a local node: JSON-RPC over HTTP on loopback, for wallets, other programs and verify.html.

Answers have a node's form (hex quantities, camelCase), so web3's HTTPProvider and any other client work unchanged. A
page in a browser may ask too (CORS): the chain is public by nature, and no key is here that could sign. Only requests
that name a loopback host are answered, so that a foreign page cannot reach it under a name of its own.

Whoever asks for much gets an error, and the others are served meanwhile: what the EVM executes and what looks through
many blocks runs beside the other requests, on a connection of its own, with bounded gas and time; a request has to
arrive within a time, and so has its answer.

Imports web3 at the top: import this module only where a chain is served.
"""

from __future__ import annotations

import io
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from eth_utils.address import to_checksum_address
from web3.providers.eth_tester.middleware import request_formatters, result_formatters
from web3.types import RPCEndpoint

from fntx_dagster.adapters.evm.answers import MAX_DEPTH, depth_of
from fntx_dagster.adapters.evm.embedded import WRITING, EmbeddedProvider, NotComputed, OutOfTime, within
from fntx_dagster.adapters.evm.transactions import GAS_LIMIT
from fntx_dagster.errors import Permanent

MAX_BODY = 1_000_000
MAX_BATCH = 1_000
MAX_CONNECTIONS = 64
CALL_SECONDS = 5.0
"""For one request of a body."""
BODY_SECONDS = 15.0
"""For all requests of a body."""
ARRIVAL_SECONDS = 30.0
"""For a request to arrive whole, and for its answer to be taken."""

_LONG = frozenset({"eth_call", "eth_estimateGas", "eth_getLogs", "eth_feeHistory"})
_LONG_AT_ONCE = 8
_NAMESPACES = frozenset({"eth", "net", "web3"})
"""Those of the standard. The test chain's own (mining, time travel, going back) are not served over HTTP."""
_FILTERS = frozenset(
    f"eth_{name}"
    for name in (
        "newFilter",
        "newBlockFilter",
        "newPendingTransactionFilter",
        "uninstallFilter",
        "getFilterChanges",
        "getFilterLogs",
    )
)
"""Not served: each would stay in memory for whoever asked once. eth_getLogs says the same."""

_SIMULATING = frozenset({"eth_call", "eth_estimateGas"})
_BLOCKS = frozenset({"eth_getBlockByNumber", "eth_getBlockByHash"})
_BLOCK_AT = {"eth_call": 1, "eth_getCode": 1, "eth_getBalance": 1, "eth_getTransactionCount": 1, "eth_getStorageAt": 2}
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type",
}


@contextmanager
def serve(provider: EmbeddedProvider, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve the chain behind `provider` until the block is left; gives the URL. Port 0 takes a free one.

    Permanent for a host that is not loopback or a port that is taken.
    """
    if not _is_loopback(host):
        raise Permanent(f"{host} is not a loopback address", "A chain for tests is served on 127.0.0.1 only")
    try:
        server = _Server((host, port), _Handler)
    except OSError as error:
        raise Permanent(f"cannot listen on {host}:{port}: {error.strerror}", "Choose another port") from None
    server.node = AnsweringNode(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        server.node.close()


class AnsweringNode:
    """The provider's answers in the form of a node's."""

    def __init__(self, provider: EmbeddedProvider) -> None:
        self._provider = provider
        self._beside: list[EmbeddedProvider] = []
        """Idle ones for what takes long."""
        self._room = threading.Semaphore(_LONG_AT_ONCE)
        # The embedded chain wants every simulation paid for; the deployer can pay for those that name no sender.
        self._caller = to_checksum_address(provider.deployer)

    def close(self) -> None:
        """Close what was opened here."""
        while self._beside:
            self._beside.pop().close()

    def answer(self, body: bytes) -> Any:
        """The answer to a request or to a batch of them."""
        # Python's parser recurses, and the EVM's libraries raise its limit: too deep a nesting would end the process.
        if depth_of(body) > MAX_DEPTH:
            return _error(None, -32700, "parse error")
        try:
            requests = json.loads(body)
        except (ValueError, RecursionError):
            return _error(None, -32700, "parse error")
        ends_at = time.monotonic() + BODY_SECONDS
        if not isinstance(requests, list):
            return self._answer_one(requests, ends_at)
        if not 0 < len(requests) <= MAX_BATCH:
            return _error(None, -32600, f"a batch has 1 to {MAX_BATCH} requests")
        return [self._answer_one(each, ends_at) for each in requests]

    def _answer_one(self, request: Any, ends_at: float) -> dict[str, Any]:
        if not isinstance(request, dict) or not isinstance(request.get("method"), str):
            return _error(None, -32600, "invalid request")
        number, method, params = request.get("id"), request["method"], request.get("params") or []
        if method.partition("_")[0] not in _NAMESPACES or method in _FILTERS:
            return _error(number, -32601, f"the embedded chain does not serve {method}")
        ends_at = min(ends_at, time.monotonic() + CALL_SECONDS)
        try:
            taken = self._taken(method, list(params))
            with self._chain_for(method, ends_at) as chain, within(_NEVER if method in WRITING else ends_at):
                response = chain.make_request(RPCEndpoint(method), taken)
            if "error" in response:
                return {"jsonrpc": "2.0", "id": number, "error": response["error"]}
            return {"jsonrpc": "2.0", "id": number, "result": _given(method, response.get("result"))}
        except OutOfTime:
            return _error(
                number, -32005, f"the embedded chain gives a request {CALL_SECONDS:.0f} seconds: ask for less"
            )
        except NotComputed:
            return _error(number, -32005, "the embedded chain computes no pairing, BLAKE2 or BLS over HTTP")
        except _NoRoom:
            return _error(
                number, -32005, f"the embedded chain answers {_LONG_AT_ONCE} long requests at once: ask again later"
            )
        except Exception as error:  # what a stranger sends may break the EVM's library anywhere; it answers on
            return _error(number, -32603, f"cannot answer this ({type(error).__name__})")

    @contextmanager
    def _chain_for(self, method: str, ends_at: float) -> Iterator[EmbeddedProvider]:
        """The chain, for what takes long on a connection of its own: a provider answers one request at a time."""
        if method not in _LONG:
            yield self._provider
            return
        if not self._room.acquire(timeout=max(0.0, ends_at - time.monotonic())):
            raise _NoRoom
        try:
            try:
                chain = self._beside.pop()
            except IndexError:
                chain = EmbeddedProvider(self._provider.file, self._provider.deployer, is_made=True)
            try:
                yield chain
            finally:
                self._beside.append(chain)
        finally:
            self._room.release()

    def _taken(self, method: str, params: list[Any]) -> Any:
        """The parameters as eth-tester takes them."""
        place = _BLOCK_AT.get(method)
        if place is not None and len(params) == place:
            params.append("latest")
        if method in _SIMULATING and params:
            call = {key: value for key, value in params[0].items() if value is not None}
            if "input" in call:
                call["data"] = call.pop("input")
            asked = call.get("gas", GAS_LIMIT)
            gas = min(int(asked, 16) if isinstance(asked, str) else asked, GAS_LIMIT)
            params[0] = {"from": self._caller, **call, "gas": hex(gas)}
        formatter = request_formatters.get(RPCEndpoint(method))
        return formatter(params) if formatter else params


_NEVER = float("inf")


class _NoRoom(Exception):
    """As many long requests as may run at once ran for as long as this one could wait."""


class _Server(ThreadingHTTPServer):
    request_queue_size = MAX_CONNECTIONS
    node: AnsweringNode

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._room = threading.Semaphore(MAX_CONNECTIONS)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()


class _Arriving(io.RawIOBase):
    """What comes over a connection, until a moment: whoever sends a byte now and then does not stay."""

    ends_at = 0.0

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        return self._connection.recv_into(buffer)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer is small, and waiting to fill a packet costs 40 ms

    def setup(self) -> None:
        super().setup()
        self.rfile.close()
        self._arriving = _Arriving(self.connection)
        self.rfile = io.BufferedReader(self._arriving)

    def handle_one_request(self) -> None:
        self._arriving.ends_at = time.monotonic() + ARRIVAL_SECONDS
        super().handle_one_request()

    def do_OPTIONS(self) -> None:
        self._reply(204 if self._names_loopback() else 403)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self._names_loopback():
            self._reply(403, closing=True)
        elif not length.isdecimal():
            self._reply(411, closing=True)
        elif int(length) > MAX_BODY:
            self._reply(413, closing=True)
        else:
            answer = self._node.answer(self.rfile.read(int(length)))
            self._reply(200, json.dumps(answer).encode("ascii"))

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log: nobody reads it."""

    @property
    def _node(self) -> AnsweringNode:
        assert isinstance(self.server, _Server)
        return self.server.node

    def _names_loopback(self) -> bool:
        try:
            return _is_loopback(urlsplit(f"//{self.headers.get('Host', '')}").hostname or "")
        except ValueError:
            return False

    def _reply(self, status: int, body: bytes = b"", closing: bool = False) -> None:
        self.connection.settimeout(ARRIVAL_SECONDS)
        self.send_response(status)
        for name, value in _CORS.items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/json")
        if closing:  # what was not read of the body must not pass for the next request
            self.send_header("Connection", "close")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _error(number: Any, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


def _given(method: str, result: Any) -> Any:
    """A result as a node gives it."""
    formatters = result_formatters or {}
    if method in _BLOCKS and result:
        of_transaction = formatters[RPCEndpoint("eth_getTransactionByHash")]
        result = {
            **result,
            "transactions": [
                of_transaction(each) if isinstance(each, dict) else each for each in result["transactions"]
            ],
        }
    formatter = formatters.get(RPCEndpoint(method))
    return _json(formatter(result) if formatter else result)


def _json(value: Any) -> Any:
    if isinstance(value, bool) or value is None or isinstance(value, (str, float)):
        return value
    if isinstance(value, int):
        return hex(value)
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    fields = {_camel(key): item for key, item in value.items()}
    if "cumulativeGasUsed" in fields:  # a receipt, with a field from before Byzantium
        fields.pop("stateRoot")
        fields["to"] = fields["to"] or None
    if "logIndex" in fields:  # a log, marked as eth-tester marks it
        fields.pop("type")
        fields["removed"] = False
    if "logsBloom" in fields:
        fields["logsBloom"] = f"0x{fields['logsBloom']:0512x}"
    return {key: _json(item) for key, item in fields.items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
