"""Daily bars through a connection to IB Gateway, in the running loop: the request, and what its answer must be."""

from __future__ import annotations

import math
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

import ib_insync

from fntx_dagster.adapters.gateway.address import Gateway
from fntx_dagster.adapters.gateway.conversation import Conversation, connected, exact
from fntx_dagster.adapters.gateway.states import State, Unavailable
from fntx_dagster.model.daily_bars import DailyBar, HeardBars

_CURRENCY = "USD"
"""The currency of the shares that are asked for."""
_LONGEST_IN_DAYS, _LONGEST_IN_YEARS = 365, 30


async def read_bars(gateway: Gateway, symbol: str, since: date) -> HeardBars:
    """The bars that `bars.daily_bars` returns."""
    async with connected(gateway) as conversation:
        [now] = await conversation.answers({"its time": conversation.ib.reqCurrentTimeAsync()})
        [answered] = await conversation.answers(
            {
                f"the daily bars of {symbol}": conversation.ib.reqHistoricalDataAsync(
                    ib_insync.Stock(symbol, "SMART", _CURRENCY),
                    endDateTime="",  # adjusted bars take no other
                    durationStr=duration(since, now.date()),
                    barSizeSetting="1 day",
                    whatToShow="ADJUSTED_LAST",
                    useRTH=True,
                    timeout=0,  # the conversation's deadline counts
                )
            }
        )
        conversation.require_whole()
        bars = [_bar(conversation, bar, now.date()) for bar in answered]
        if any(later.day <= earlier.day for earlier, later in pairwise(bars)):
            raise _unreadable(conversation, "delivered daily bars that are not one for each day in turn")
        return HeardBars(now, _CURRENCY, [bar for bar in bars if bar.day >= since])


def duration(since: date, now: date) -> str:
    """How the broker writes a span: up to a year in days, beyond it in whole years."""
    days = max((now - since).days + 1, 1)
    if days <= _LONGEST_IN_DAYS:
        return f"{days} D"
    return f"{min(math.ceil(days / _LONGEST_IN_DAYS), _LONGEST_IN_YEARS)} Y"


def _bar(conversation: Conversation, bar: ib_insync.BarData, today: date) -> DailyBar:
    # a bar of no whole day has a moment
    if not isinstance(bar.date, date) or isinstance(bar.date, datetime) or bar.date > today:
        raise _unreadable(conversation, "delivered a daily bar without its day")
    prices = [exact(conversation, price) for price in (bar.open, bar.high, bar.low, bar.close)]
    opened, high, low, closed = prices
    if low <= Decimal(0) or low > min(opened, closed) or high < max(opened, closed):
        raise _unreadable(conversation, f"delivered a bar of {bar.date} whose prices cannot be")
    return DailyBar(bar.date, *prices)


def _unreadable(conversation: Conversation, what: str) -> Unavailable:
    return conversation.unavailable(State.INCOMPLETE, what)
