"""Where an IB Gateway listens, and how long to wait for it."""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.errors import Permanent


class Gateway(NamedTuple):
    """The address of a gateway. No other program may use `client_id` there, which `setting` sets; `timeout`: seconds
    for one snapshot, or for one request about orders."""

    host: str
    port: int
    client_id: int = 71
    timeout: float = 15
    setting: str = "FNTX_GATEWAY_CLIENT_ID"

    @property
    def address(self) -> str:
        """`127.0.0.1:4001`."""
        return f"{self.host}:{self.port}"


def gateway_at(address: str, *, client_id: int = 71, timeout: float = 15) -> Gateway:
    """The gateway at `host:port`. Raises Permanent when the text is no such address."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Permanent("the address of IB Gateway is not host:port", "Write it as 127.0.0.1:4001 in FNTX_GATEWAYS")
    return Gateway(host.strip("[]"), int(port), client_id, timeout)
