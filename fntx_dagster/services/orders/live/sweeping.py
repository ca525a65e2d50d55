"""Ask for the orders whose outcome is not known: after a crash, or after an answer that never came.

Whoever sweeps, how many at once and how often: under the lock of its book an order becomes `unknown` once, is settled
once, and fails once. It is asked for by its client id, and never sent again.
"""

from __future__ import annotations

from datetime import datetime

from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.entries import moment
from fntx_dagster.services.orders.live.reports import ask, for_each, reach_of
from fntx_dagster.services.orders.live.settling import answered, fail, settle, turn_of
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn
from fntx_dagster.store.ledger import live
from fntx_dagster.store.ledger.live import LiveOrder

NEVER_ARRIVED = "never_arrived"


def sweep(desk: Desk) -> int:
    """Turn what nobody works on any more into `unknown`, and ask for all that is: how many orders are known now.
    Raises Transient, after all of them, where an exchange did not answer."""

    def ask_for(order: LiveOrder) -> bool:
        if order.state == "submitting":
            _given_up(desk, order)
        return _asked(desk, order)

    return for_each(live.left(desk.db, desk.clock()), ask_for)


def _given_up(desk: Desk, order: LiveOrder) -> None:
    with turn_of(desk, order) as at:
        row = at.order(order.order_id)
        if row["state"] == "submitting" and datetime.fromisoformat(row["held_until"]) < at.now:
            at.move(row, "unknown")
            answered(at, row)


def _asked(desk: Desk, order: LiveOrder) -> bool:
    reach = reach_of(desk)
    report = ask(reach.account(order.user_id, order.exchange), order, reach)
    with turn_of(desk, order) as at:
        row = at.order(order.order_id)
        if report is not None:
            settle(at, row, report)
        elif row["state"] == "unknown":
            _absent(at, row, order)
        return row["state"] != "unknown"


def _absent(at: Turn, row: OrderRow, order: LiveOrder) -> None:
    """The exchange shows no such order: it may be late, up to its delay. After that the order has failed, or, if it was
    there once, is over with what it was filled."""
    if row["absent_since"] is None:
        at.change(row, absent_since=at.now.isoformat())
        return
    since = datetime.fromisoformat(row["absent_since"])
    if at.now - since <= reach_of(at.desk).delay:
        return
    words = f"{order.exchange} has not shown the order since {moment(since)}; it is not sent again"
    if row["exchange_order_id"]:
        at.move(row, "cancelled", "lost_at_exchange", words)
    else:
        fail(at, row, NEVER_ARRIVED, words)
    at.alarm(kinds.ORDER_LOST, order.order_id, f"the order {order.order_id}: {words}", order_id=order.order_id)
