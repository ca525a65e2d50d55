"""A node in front of another that has many more blocks, and shows the events of few of them at a time."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Headers": "Content-Type"}


class FarNode(NamedTuple):
    """Its URL, how many events it was asked for from which block to which, and what it answered: refused or not."""

    url: str
    ranges: list[tuple[int, int, bool]]


@contextmanager
def far_node(behind: str, more: int, most: int, status: int = 200) -> Iterator[FarNode]:
    """Pass on what `behind` (a URL) says of a chain with `more` blocks on top, empty ones. A question for the events of
    more than `most` blocks is refused with an error of JSON-RPC and that status of HTTP, as public nodes do."""
    ranges: list[tuple[int, int, bool]] = []

    def passed_on(question: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(behind, json.dumps(question).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def height() -> int:
        return int(passed_on({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []})["result"], 16)

    def answer(question: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        method, params = question["method"], question["params"]
        if method == "eth_blockNumber":
            return 200, {"jsonrpc": "2.0", "id": question["id"], "result": hex(height() + more)}
        if method == "eth_getBlockByNumber" and params[0].startswith("0x"):
            number = int(params[0], 16)
            found = passed_on({**question, "params": [hex(min(number, height())), params[1]]})
            found["result"]["number"] = params[0]
            return 200, found
        if method == "eth_getLogs":
            first, last = (int(params[0][bound], 16) for bound in ("fromBlock", "toBlock"))
            ranges.append((first, last, is_refused := last - first >= most))
            if is_refused:
                error = {"code": -32005, "message": f"more than {most} blocks"}
                return status, {"jsonrpc": "2.0", "id": question["id"], "error": error}
            if first > height():
                return 200, {"jsonrpc": "2.0", "id": question["id"], "result": []}
            question = {**question, "params": [{**params[0], "toBlock": hex(min(last, height()))}]}
        return 200, passed_on(question)

    class Handler(BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self._send(204, b"")

        def do_POST(self) -> None:
            code, said = answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._send(code, json.dumps(said).encode())

        def _send(self, code: int, body: bytes) -> None:
            self.send_response(code)
            for name, value in {**_CORS, "Content-Length": f"{len(body)}", "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield FarNode(f"http://127.0.0.1:{server.server_port}", ranges)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
