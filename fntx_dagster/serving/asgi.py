"""A request as the server hands it on (ASGI), and what its headers say."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:[0-9]+)?", re.ASCII)


def values_of(scope: Scope, name: str) -> list[str]:
    """What each header of a name holds, without the blanks around it."""
    wanted = name.encode()
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key.lower() == wanted]


def address_of(scope: Scope, proxies: frozenset[str]) -> str:
    """From where a request comes: the connection's other end, or what our own proxies say of who asked them."""
    address = (scope.get("client") or ("", 0))[0]
    said = [part.strip() for line in values_of(scope, "x-forwarded-for") for part in line.split(",")]
    while address in proxies and said:
        address = said.pop()
    return address


def counted_as(address: str) -> str:
    """What a client is counted by: its address, of IPv6 the network, in which a host may take any address."""
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(known, IPv6Address) and not known.ipv4_mapped:
        return str(ip_network((known, 64), strict=False))
    return str(getattr(known, "ipv4_mapped", None) or known)


def host_alone(host: str) -> str | None:
    """The host of a header `Host` in lower case, without its port; None where it cannot be one."""
    match = _HOST.fullmatch(host)
    return match[1] if match else None


def is_loopback(host: str) -> bool:
    """Whether a host without its port is this machine's own, as an address or as `localhost`."""
    try:
        address = IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback
