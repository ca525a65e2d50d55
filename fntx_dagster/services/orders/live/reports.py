"""What an exchange reports of an order: the order and its fills, asked for outside any transaction."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from fntx_dagster.errors import FntxError, Permanent, without_accounts
from fntx_dagster.foreign import cleaned
from fntx_dagster.model.exchanges import Exchange, FoundFill, FoundOrder
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger.live import LiveOrder

_log = logging.getLogger(__name__)
_LONGEST_REASON = 300


class Report(NamedTuple):
    """An order as its exchange has it, and those of its fills that the exchange tells of."""

    found: FoundOrder
    fills: Sequence[FoundFill] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the order has ended and each part that was filled is among the fills."""
        told = sum((fill.fill.quantity for fill in self.fills), Decimal(0))
        return self.found.state not in ("open", "partially_filled") and told >= self.found.filled


def reach_of(desk: Desk) -> Reach:
    """How the desk reaches exchanges. Raises Permanent where it does not."""
    if desk.live is None:
        raise Permanent("live orders are not connected to exchanges", "Set FNTX_EXCHANGE_KEYS (docs/settings.md)")
    return desk.live


def ask(exchange: Exchange, order: LiveOrder, reach: Reach) -> Report | None:
    """The order by its client id, with its fills; None where the exchange does not show it. Raises what the exchange
    raises."""
    found = exchange.find(order.client_id, order.symbol, order.created_at - reach.overlap)
    return None if found is None else with_fills(exchange, order, found, reach)


def with_fills(exchange: Exchange, order: LiveOrder, found: FoundOrder, reach: Reach) -> Report:
    """The order with its fills. Where they cannot be had now, with none: they are read again later."""
    if not found.filled:
        return Report(found)
    try:
        told = exchange.fills(order.symbol, order.created_at - reach.overlap)
    except FntxError as error:
        note(order.exchange, error)
        return Report(found)
    own = {order.client_id, found.exchange_id} - {""}
    return Report(found, [each for each in told if own & {each.client_id, each.exchange_id}])


def note(exchange: str, error: Exception) -> None:
    """Log what an exchange did not answer; whoever asked goes on with the next order."""
    _log.warning("%s: %s", exchange, words_of(error))


def words_of(error: Exception) -> str:
    """An exchange's words as they may be shown and stored."""
    return without_accounts(cleaned(str(error), _LONGEST_REASON)) or type(error).__name__
