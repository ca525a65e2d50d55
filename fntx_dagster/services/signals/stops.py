"""Stops and targets: an open execution is closed when the price of the side that its exit fills at reaches one.

The watcher looks at the newest prices of the feed. In paper, the prices that come with the other signals of the same
strategy and instrument count as well, when they come. The exit is at the price that was reached, for all that is open,
and fires once: whichever message closes the execution first, the others find it closed.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from fntx_dagster.errors import FntxError, Transient
from fntx_dagster.ledger.market import Symbol
from fntx_dagster.services.orders.fields import Declined
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.services.signals.requests import EntrySignal, ExitSignal, PaperMarket, Side
from fntx_dagster.services.signals.unasked import Cause, OpenSignal, close
from fntx_dagster.signals.stops import Levels, reached
from fntx_dagster.store.ledger import prices
from fntx_dagster.store.signals.stops import GuardedExecution, guarded

FEED, QUOTE = "feed", "quote"
"""Whose these exits are in the log: of a price of the feed, or of the quote of another signal."""
_AGAIN = timedelta(seconds=30)
"""After so long an exit that left something open is tried again."""

_log = logging.getLogger(__name__)


class Stops:
    """The watcher's part, of one process."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tried: dict[int, datetime] = {}

    def symbols(self) -> list[Symbol]:
        """The symbols that a stop or a target needs prices of."""
        return list(dict.fromkeys((each.exchange, each.market) for each in guarded(self._desk.db)))

    def look(self) -> None:
        """Close what the newest prices of the feed reach. Raises Transient where one could not be closed: the others
        are, and it is tried again."""
        now, found = self._desk.clock(), guarded(self._desk.db)
        self._tried = {
            each.signal_execution_id: at for each in found if (at := self._tried.get(each.signal_execution_id))
        }
        newest = prices.newest(self._desk.db, {(each.exchange, each.market) for each in found}) if found else {}
        problems = []
        for each in found:
            known = newest.get((each.exchange, each.market))
            tried = self._tried.get(each.signal_execution_id)
            if known is None or (tried is not None and now - tried < _AGAIN):
                continue
            quote = known.quote
            if not each.entry_time < quote.at or now - quote.at > self._desk.rules.oldest_mark:
                continue
            try:
                if _fired(self._desk, each, quote.bid, quote.ask, FEED, now):
                    self._tried[each.signal_execution_id] = now
            except FntxError as error:
                problems.append(f"execution {each.signal_execution_id}: {error}")
        if problems:
            raise Transient("; ".join(problems[:3]))


def look_at_quote(desk: Desk, asked: EntrySignal | ExitSignal, market: PaperMarket, now: datetime) -> None:
    """Close what the quote of a paper signal reaches: other open executions of its strategy and instrument. One that
    cannot be closed now waits for the next price; the signal is answered whatever happens here."""
    bids, asks = ([price for price, _ in side if price > 0] for side in (market.bids, market.asks))
    try:
        for each in guarded(desk.db, asked.strategy_code, asked.strike_price_token):
            if each.is_paper and each.unique_id != asked.unique_id:
                _fired(desk, each, max(bids, default=None), min(asks, default=None), QUOTE, now)
    except FntxError as error:
        _log.warning("the stops of %s: %s", asked.strategy_code, error)


def _fired(
    desk: Desk, each: GuardedExecution, bid: Decimal | None, ask: Decimal | None, source: str, now: datetime
) -> bool:
    """Whether a stop or a target was reached; then its exit was tried."""
    levels = Levels(each.stop_loss, each.target, each.signal_type == "SELL_ENTRY")
    price = ask if levels.is_short else bid
    reason = None if price is None else reached(levels, price)
    if price is None or reason is None:
        return False
    side: Side = [(price, None)]
    market = PaperMarket([], side, None) if levels.is_short else PaperMarket(side, [], None)
    with suppress(Declined):  # another message closed it first, or its orders are under way
        close(desk, OpenSignal(*each[1:6]), Cause(reason, source, price, market if each.is_paper else None), now)
    return True
