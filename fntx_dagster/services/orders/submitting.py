"""Submit an order: through the gates and, in the paper market, to what it gets there, in one turn on its book; a live
order goes to its exchange (`live/`).

A key that has an answer gets it again, byte for byte. Nothing of a request that was refused as such is stored; what a
gate refused is stored and answered again like every other order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fntx_dagster.ledger import matching
from fntx_dagster.model.orders import OrderRequest
from fntx_dagster.services.orders.ids import new_id
from fntx_dagster.services.orders.judging import about_order, judged
from fntx_dagster.services.orders.live.placing import place
from fntx_dagster.services.orders.replies import Reply, order_reply, replay, store_answer
from fntx_dagster.services.orders.requests import Submission
from fntx_dagster.services.orders.turn import Desk, OrderRow, Turn
from fntx_dagster.services.orders.turning import OrderInLine, taken
from fntx_dagster.store.ledger.books import About


def submit(desk: Desk, user_id: str, asked: Submission, now: datetime) -> Reply:
    """Take an order through the gates and, where they pass it, to the market.

    `now`: the moment it is judged at, aware. Raises Declined for a key that another request has, and for a live order
    what `place` raises. Raises Transient where the database or the book's lock is not to be had.
    """
    if not asked.is_paper:
        return place(desk, user_id, asked, now)
    return taken(desk, user_id, *_turn_of(desk, asked, now))


def paper_order(desk: Desk, user_id: str, asked: Submission, now: datetime) -> OrderInLine[Reply]:
    """A paper order as `submit` takes it, for who does not wait for it in a thread."""
    return OrderInLine(desk, user_id, *_turn_of(desk, asked, now))


def _turn_of(desk: Desk, asked: Submission, now: datetime) -> tuple[About, Callable[[Turn], Reply]]:
    order = asked.order
    key = asked.key or f"made-up-{new_id()}"

    def submitted(at: Turn) -> Reply:
        if at.stored.answer:
            return replay(at.stored.answer, asked.fingerprint)
        if asked.quote is not None:
            at.quote(order.exchange, order.symbol, asked.quote)
        row = judged(at, order, key, asked.quote or at.book.quotes.get((order.exchange, order.symbol)))
        if row["state"] == "approved":
            _match(at, row, order)
        return store_answer(at, key, asked.fingerprint, order_reply(row, now))

    return about_order(desk, order, key, now), submitted


def _match(at: Turn, row: OrderRow, order: OrderRequest) -> None:
    quote = at.book.quotes[order.exchange, order.symbol]
    bid, ask = at.stored.taken[order.exchange, order.symbol]
    match = matching.at_once(order, quote, ask if order.side == "buy" else bid)
    if match.quantity:
        at.paper_fill(row, match.quantity, match.price, taker=True)
    if match.state == "failed":
        at.move(row, "failed", match.reason, "nothing is offered at this price: the size of the quote is taken")
        at.error(row, "no_liquidity")
    elif row["state"] not in ("filled", "cancelled"):  # a breaker that the fill tripped may have cancelled the rest
        at.move(row, match.state)
