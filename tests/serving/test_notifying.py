"""What systemd is told, at a socket as systemd has it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from fntx_dagster.serving.notifying import say_ready


@pytest.mark.parametrize("abstract", [False, True])
def test_a_server_says_that_it_is_ready_to_the_socket_that_is_named(
    abstract: bool, short_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = short_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{file}" if abstract else str(file))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{file}" if abstract else str(file))
        say_ready()
        assert systemd.recv(100) == b"READY=1"


def test_where_nobody_asks_or_the_socket_is_gone_nothing_happens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    say_ready()
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    say_ready()
