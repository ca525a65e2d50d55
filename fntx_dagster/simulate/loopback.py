"""What simulated servers on loopback share: sockets, answers, and a process that serves until it is ended."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Protocol


class LoopbackHttp(ThreadingHTTPServer):
    """The sockets; a connection that is left open holds no process up."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without a query to the name service: HTTPServer asks it for a name that nobody reads."""
        TCPServer.server_bind(self)


class LoopbackHandler(BaseHTTPRequestHandler):
    """One connection, which ends quietly."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: a request may hold a signature, and a transaction is its accounts' own business."""

    def respond(self, status: int, body: bytes, kind: str = "text/html") -> None:
        """Answer with a body of a type."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def cut(self) -> None:
        """End the connection in the place of an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)


class _Addressed(Protocol):
    url: str


def serve_until_ended(serving: AbstractContextManager[_Addressed], address: Path) -> None:
    """Serve, with the server's address in a file from then on, until the process gets SIGTERM or SIGINT."""
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)  # before any thread starts, so that none of them gets one
    with serving as server:
        beside = address.with_name(f"{address.name}.new")
        beside.write_text(server.url, encoding="utf-8")
        os.replace(beside, address)
        signal.sigwait(ends)
