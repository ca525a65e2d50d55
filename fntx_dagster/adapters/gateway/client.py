"""One account at one IB Gateway, read once.

Here belongs the call that every caller makes. Each call has a connection and an event loop of its own, so that any
thread without a running loop can make it, and nothing remains afterwards.
"""

from __future__ import annotations

import asyncio

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.model.snapshot import Snapshot


def snapshot(gateway: Gateway, account: str) -> Snapshot:
    """NAV, cash, margin, positions with market values and today's executions of `account`, at the gateway's time.

    Only reads: it sends no message that could touch an order. Returns within the gateway's timeout, or raises
    `Unavailable` (Transient) or `OtherAccount` (Permanent), whose `state` says why there is no snapshot.
    """
    return asyncio.run(_read(gateway, account))


async def _read(gateway: Gateway, account: str) -> Snapshot:
    # imported here, because the event library behind ib_insync takes the thread's loop when it is first imported
    from fntx_dagster.adapters.gateway.connection import read

    return await read(gateway, account)
