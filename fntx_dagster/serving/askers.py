"""Whose process asks the UI: the system knows the user of each connection within this machine."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import product
from typing import Any


def is_of_our_user(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request (its ASGI scope) comes from a process of our own user, or of root, who is above all rules.

    True where the system does not say: Linux alone does.
    """
    if sys.platform != "linux":
        return True
    client, server = scope.get("client"), scope.get("server")
    if not client or not server:
        return False
    # Asked twice: a socket that is closed between two columns of its line can look like one of root's, and only once.
    return all(_user(client, server) in (os.geteuid(), 0) for _ in range(2))


def _user(client: tuple[str, int], server: tuple[str, int]) -> int | None:
    """The user whose open socket is the client's end of a connection; None where there is none, or no longer."""
    ends = {*product(_forms(*client), _forms(*server))}
    for name in ("tcp", "tcp6"):
        with suppress(FileNotFoundError), open(f"/proc/net/{name}", encoding="ascii") as table:
            for line in table:
                _, local, remote, _, _, _, _, user, _, inode, *_ = line.split()
                if (local, remote) in ends and inode != "0":  # 0: nobody holds it any more, and the user is not kept
                    return int(user)
    return None


def _forms(host: str, port: int) -> set[str]:
    """An address as the tables of Linux write it: words of four bytes in the machine's order. One of IPv4 may be in the
    table of IPv6 too."""
    address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    packed = {address.packed}
    if isinstance(address, IPv4Address):
        packed.add(bytes(10) + b"\xff\xff" + address.packed)
    return {"".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", each)) + f":{port:04X}" for each in packed}
