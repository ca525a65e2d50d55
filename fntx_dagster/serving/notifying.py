"""Telling systemd that a server is ready: a datagram to the socket that it names, as sd_notify(3) describes."""

from __future__ import annotations

import socket
from contextlib import suppress

from fntx_dagster.settings import service_socket


def say_ready() -> None:
    """Say that this process serves now. Nothing happens where no service manager asked for it (Type=notify)."""
    address = service_socket()
    if not address:
        return
    if address.startswith("@"):  # one without a file
        address = f"\0{address[1:]}"
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as telling:
        telling.connect(address)
        telling.send(b"READY=1")
