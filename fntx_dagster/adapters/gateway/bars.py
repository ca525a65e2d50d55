"""The daily bars of a share, asked from one IB Gateway once.

Read only, as a snapshot is. The broker adjusts such bars for dividends and splits (ADJUSTED_LAST), always as of now: it
takes no other end, and a dividend changes every bar before it.
"""

from __future__ import annotations

import asyncio
import re
from datetime import date

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.errors import Permanent
from fntx_dagster.model.daily_bars import HeardBars

_SYMBOL = re.compile(r"[A-Z][A-Z0-9]{0,11}(?:[. ][A-Z0-9]{1,4})?").fullmatch


def require_symbol(symbol: str) -> str:
    """The broker's name of a share: `SPY`; `BRK B` of BRK.B. Raises Permanent where the text is no such symbol, before
    anything is sent: a message is fields between zero bytes."""
    if not _SYMBOL(symbol):
        raise Permanent(
            "a benchmark that is no symbol of a share has no daily bars",
            "Set FNTX_BENCHMARK to a symbol such as SPY, or to a CSV file",
        )
    return symbol.replace(".", " ")


def daily_bars(gateway: Gateway, symbol: str, since: date) -> HeardBars:
    """The bars of a US share from a day on, until now.

    Sends no message that could touch an order. Returns within the gateway's timeout, or raises `Unavailable`
    (Transient), whose `refusal` is the broker's code where it gave one, or Permanent for a symbol that is none.
    """
    return asyncio.run(_read(gateway, require_symbol(symbol), since))


async def _read(gateway: Gateway, symbol: str, since: date) -> HeardBars:
    # imported here, because the event library behind ib_insync takes the thread's loop when it is first imported
    from fntx_dagster.adapters.gateway.historical import read_bars

    return await read_bars(gateway, symbol, since)
