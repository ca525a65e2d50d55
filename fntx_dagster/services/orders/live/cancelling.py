"""Cancel live orders that were marked for it, by their user or by a breaker, at their exchanges."""

from __future__ import annotations

from fntx_dagster.errors import FntxError
from fntx_dagster.model.exchanges import FoundOrder, OrderRefusedError, OutcomeUnknownError
from fntx_dagster.services.orders.live.reports import ask, note, reach_of
from fntx_dagster.services.orders.live.settling import settle, turn_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import live
from fntx_dagster.store.ledger.live import LiveOrder


def cancel_marked(desk: Desk, user_id: str | None = None) -> int:
    """Cancel the marked orders that rest, of a user or of all, and book how they ended: how many. What an exchange does
    not answer is tried again with the next call."""
    ended = 0
    for order in live.to_cancel(desk.db, user_id):
        try:
            ended += _cancel(desk, order)
        except (FntxError, OrderRefusedError, OutcomeUnknownError) as error:
            note(order.exchange, error)
    return ended


def _cancel(desk: Desk, order: LiveOrder) -> bool:
    reach = reach_of(desk)
    exchange = reach.account(order.user_id, order.exchange)
    state = "partially_filled" if order.filled else "open"
    exchange.cancel(FoundOrder(order.client_id, order.exchange_order_id or "", state, order.filled), order.symbol)
    report = ask(exchange, order, reach)
    if report is None:
        return False
    with turn_of(desk, order) as at:
        settle(at, at.order(order.order_id), report)
    return report.is_whole
