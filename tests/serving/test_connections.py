"""How long a connection may keep a webserver waiting, on real connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from fntx_dagster.api.serving import served
from fntx_dagster.serving import connections

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\na"
HALF = b"GET / HTTP/1.1\r\nHost: x"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"


async def whole(_scope: Any, receive: Any, send: Any) -> None:
    """An application that reads all of a request before it answers."""
    while (message := await receive()).get("more_body"):
        pass
    if message["type"] == "http.request":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(connections, "WHOLE_SECONDS", 1.0)
    with served(whole) as url:
        yield urlsplit(url).port or 0


@pytest.mark.parametrize("sent", [[], [HALF], [POST], [CHUNKED], [GET, HALF], [GET, POST], [GET]])
def test_a_connection_that_keeps_the_server_waiting_ends(port: int, sent: list[bytes]) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as wire:
        for part in sent:
            wire.sendall(part)
            if part == GET:
                assert wire.recv(4096).startswith(b"HTTP/1.1 200")
        with suppress(ConnectionResetError):
            assert wire.recv(1) == b""


def test_a_body_that_comes_in_drops_ends_too(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as wire:
        wire.sendall(POST)
        for drops in range(60):
            time.sleep(0.1)
            try:
                wire.sendall(b"a")
            except (ConnectionResetError, BrokenPipeError):
                assert drops > 3
                return
    raise AssertionError("it goes on")


def test_a_connection_that_asks_and_asks_stays(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=15) as wire:
        for _ in range(6):
            wire.sendall(GET)
            assert wire.recv(4096).startswith(b"HTTP/1.1 200")
            time.sleep(0.3)


def test_one_address_gets_no_more_connections_than_its_share_and_another_still_does(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SILENT_SECONDS", 60)
    monkeypatch.setattr(connections.BusyConnection, "most_of_one", 3)
    monkeypatch.setattr(connections, "is_loopback", lambda host: host != "127.0.0.7")  # a stranger's

    def answers(source: str) -> bool:
        wire = stack.enter_context(socket.create_connection(("127.0.0.1", port), 15, (source, 0)))
        try:
            wire.sendall(GET)
            return wire.recv(4096).startswith(b"HTTP/1.1 200")
        except ConnectionResetError:
            return False

    with ExitStack() as stack:
        assert [answers("127.0.0.7") for _ in range(5)] == [True, True, True, False, False]
        assert all(answers("127.0.0.1") for _ in range(5))
