"""The socket that a server listens on, taken before anything else of it starts."""

from __future__ import annotations

import errno
import socket

from fntx_dagster.errors import Permanent


def listen_on(host: str, port: int) -> socket.socket:
    """A socket that listens on an address of this machine; port 0 takes a free one. Raises Permanent where the address
    is taken or not this machine's."""
    family, address = resolved(host, port)
    try:
        return socket.create_server(address, family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Permanent(f"port {port} of {host} is taken", "Choose another one with --port") from None
        raise Permanent(
            f"cannot listen on port {port} of {host} ({error.strerror})", "Choose others with --host and --port"
        ) from None


def resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[str, int]]:
    """The family of an address, and the address as numbers. Raises Permanent where it is none."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise Permanent(f"{host} is no address ({error.strerror})", "Give one of this machine, as 127.0.0.1") from None
    return family, (str(address[0]), int(address[1]))
