"""One account at one IB Gateway, read once.

What belongs here: which gateway, and the call that every caller makes. Each call is a connection and an event loop of
its own, so that it can be made from any thread that runs none, and leaves nothing behind.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.snapshot import Snapshot


class Gateway(NamedTuple):
    """Where a gateway listens. `client_id` must not be in use there; `timeout`: seconds for everything together."""

    host: str
    port: int
    client_id: int = 71
    timeout: float = 15

    @property
    def address(self) -> str:
        """`127.0.0.1:4001`."""
        return f"{self.host}:{self.port}"


def gateway_at(address: str, *, client_id: int = 71, timeout: float = 15) -> Gateway:
    """The gateway at `host:port`. Permanent when the text is no such address."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise Permanent("the address of IB Gateway is not host:port", "Write it as 127.0.0.1:4001 in FNTX_GATEWAYS")
    return Gateway(host.strip("[]"), int(port), client_id, timeout)


def snapshot(gateway: Gateway, account: str) -> Snapshot:
    """NAV, cash, margin, positions with market values and today's executions of `account`, at the gateway's time.

    Only reads: no message that could touch an order is ever sent. Returns within the gateway's timeout or raises
    `Unavailable` (Transient) or `OtherAccount` (Permanent); `.state` says which of `State` was found.
    """
    return asyncio.run(_read(gateway, account))


async def _read(gateway: Gateway, account: str) -> Snapshot:
    # here and not above: the event library behind ib_insync wants this thread's loop when it is first imported
    from fntx_dagster.adapters.gateway.connection import read

    return await read(gateway, account)
