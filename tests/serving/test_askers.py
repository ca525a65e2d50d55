"""Whose process asks the UI, on real connections of this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fntx_dagster.serving.askers import is_of_our_user

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells whose a connection is")
CONNECT = """import socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("connected", flush=True)
sys.stdin.read()"""


@contextmanager
def listening(family: socket.AddressFamily, host: str) -> Iterator[socket.socket]:
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as server:
        yield server


def scope(accepted: socket.socket) -> dict[str, Any]:
    """What uvicorn says of a connection."""
    return {"client": accepted.getpeername()[:2], "server": accepted.getsockname()[:2]}


@pytest.mark.parametrize(
    ("family", "host", "asked"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET, "127.0.0.1", "::ffff:127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
    ],
)
def test_a_connection_of_our_own_is_ours_until_it_is_closed(
    family: socket.AddressFamily, host: str, asked: str
) -> None:
    """One that is closed has no user any more: another user could send a request and close."""
    with listening(family, host) as server:
        client = socket.socket(socket.AF_INET6 if ":" in asked else socket.AF_INET)
        client.connect((asked, server.getsockname()[1]))
        accepted, _ = server.accept()
        with accepted:
            assert is_of_our_user(scope(accepted))
            other_way = {"client": scope(accepted)["server"], "server": ("127.0.0.1", 1)}
            assert not is_of_our_user(other_way)
            client.close()
            assert not is_of_our_user(scope(accepted))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process of another user")
def test_a_connection_of_another_user_is_not_ours() -> None:
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin") or sys.executable
    with listening(socket.AF_INET, "127.0.0.1") as server:
        command = [python, "-c", CONNECT, str(server.getsockname()[1])]
        stranger = subprocess.Popen(
            command, user=65534, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        accepted, _ = server.accept()
        with accepted:
            assert not is_of_our_user(scope(accepted))
        stranger.communicate("")
        assert stranger.returncode == 0


def test_a_request_without_a_connection_is_nobodys() -> None:
    assert not is_of_our_user({"client": None, "server": ("127.0.0.1", 3000)})
    assert not is_of_our_user({"client": ("127.0.0.1", 0), "server": ("127.0.0.1", 3000)})
