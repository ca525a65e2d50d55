"""Cancel live orders that were marked for it, by their user or by a breaker, at their exchanges."""

from __future__ import annotations

from fntx_dagster.model.exchanges import Exchange, FoundOrder
from fntx_dagster.services.orders.live.reports import ask, for_each, reach_of
from fntx_dagster.services.orders.live.settling import settle, turn_of
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import live
from fntx_dagster.store.ledger.live import LiveOrder


def cancel_marked(desk: Desk, user_id: str) -> int:
    """Cancel a user's marked orders that rest, and book how they ended: how many. Raises Transient, after all of them,
    where an exchange did not answer; the poll tries it again."""

    def cancel(order: LiveOrder) -> bool:
        reach = reach_of(desk)
        exchange = reach.account(order.user_id, order.exchange)
        cancel_at(exchange, order)
        report = ask(exchange, order, reach)
        if report is None:
            return False
        with turn_of(desk, order) as at:
            settle(at, at.order(order.order_id), report)
        return report.is_whole

    return for_each(live.to_cancel(desk.db, user_id), cancel)


def cancel_at(exchange: Exchange, order: LiveOrder) -> None:
    """Cancel what rests of an order at its exchange. Raises what the exchange raises."""
    state = "partially_filled" if order.filled else "open"
    exchange.cancel(FoundOrder(order.client_id, order.exchange_order_id or "", state, order.filled), order.symbol)
