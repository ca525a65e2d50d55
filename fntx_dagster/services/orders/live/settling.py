"""Book what an exchange reports of an order, in a turn: its fills, each trade id once, and its state.

The second transaction of a submission, the sweep and the poll all come here, in any order and any number of times; what
is booked already changes nothing. An order ends in the ledger only when every part that the exchange filled is booked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal

from fntx_dagster.foreign import cleaned
from fntx_dagster.ledger import kinds
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.reported import why_unusable
from fntx_dagster.model.exchanges import FoundFill, FoundOrder
from fntx_dagster.model.orders import RESTING, OrderFill
from fntx_dagster.services.orders.live.reports import Report, words_of
from fntx_dagster.services.orders.replies import Reply, order_reply, store_answer
from fntx_dagster.services.orders.turn import CANCELLED, Desk, OrderRow, Turn, turn
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.live import KnownFill, LiveOrder

_LONGEST_SHOWN = 60
UNDER_WAY = (*RESTING, "submitting", "unknown")


@contextmanager
def turn_of(desk: Desk, order: LiveOrder) -> Iterator[Turn]:
    """A turn on the book of a live order, with the answer that its key has."""
    now = desk.clock()
    about = About(now, desk.day(now), order.bot_id, order.exchange, order.symbol, idempotency_key=order.idempotency_key)
    with turn(desk, order.user_id, False, about) as at:
        yield at


def settle(at: Turn, order: OrderRow, report: Report) -> None:
    """Book an order's fills and take over its state at the exchange."""
    book_fills(at, order, report.fills)
    found = report.found
    if found.exchange_id and order["exchange_order_id"] != found.exchange_id:
        at.change(order, exchange_order_id=found.exchange_id)
    if order["absent_since"]:
        at.change(order, absent_since=None)  # if it is not shown again, the exchange has its delay anew
    nothing_came = found.state in ("rejected", "cancelled", "expired") and not found.filled
    if order["state"] == "failed" and not nothing_came:
        words = f"the order {order['order_id']} had failed, and {order['exchange']} has it: {found.state}"
        at.alarm(kinds.LATE_FILL, order["order_id"], words, order_id=order["order_id"], bot_id=order["bot_id"])
    elif order["state"] not in UNDER_WAY:
        return
    filled = Decimal(order["filled"])
    if found.state in ("open", "partially_filled") or found.filled > filled:  # or the rest of its fills comes later
        _move(at, order, "partially_filled" if filled else "open")
    elif found.state == "filled":
        _move(at, order, "filled")
    elif found.state == "rejected" and not filled:
        fail(at, order, "exchange_refused", words_of(Exception(found.reason or "the exchange rejected the order")))
    else:
        _ended(at, order, found, filled)


def book_fills(at: Turn, order: OrderRow, fills: Iterable[FoundFill]) -> None:
    """Book the fills of an order that are not booked yet, oldest first; one that says something else than it did is
    reported and not booked again, and one that cannot be true is reported and not booked."""
    usable = []
    for fill in (each.fill for each in fills):
        if why := why_unusable(fill, order["side"]):
            unusable_fill(at, order["exchange"], order["symbol"], fill, why, order["order_id"])
        else:
            usable.append(fill)
    usable.sort(key=lambda fill: (fill.at, fill.trade_id))
    place = (order["exchange"], order["symbol"])
    known = at.known_fills(*place, [fill.trade_id for fill in usable]) if usable else {}
    for fill in usable:
        stated = _stated(order, fill)
        before = known.setdefault(fill.trade_id, stated)
        if before is stated:
            if order["state"] == "failed":
                words = f"a fill of the order {order['order_id']}, which had failed, is booked: {_shown(fill)}"
                at.alarm(kinds.LATE_FILL, fill_name(*place, fill), words, order_id=order["order_id"])
            at.fill(order, fill)
            if Decimal(order["filled"]) > Decimal(order["amount"]):
                words = f"the order {order['order_id']} over {order['amount']} is filled with {order['filled']}"
                own = {"order_id": order["order_id"], "exchange_trade_id": fill.trade_id}
                at.alarm(kinds.ORDER_OVERFILLED, fill_name(*place, fill), words, **own)
        elif before != stated:
            trade = f"the trade {fill.trade_id} of {order['symbol']}"
            words = f"{order['exchange']} reports {trade} again, changed: {_shown(fill)}"
            about = f"{fill_name(*place, fill)} {_shown(fill)}"
            at.alarm(kinds.FILL_CONFLICT, about, words, order_id=order["order_id"], exchange_trade_id=fill.trade_id)


def unusable_fill(at: Turn, exchange: str, symbol: str, fill: OrderFill, why: str, order_id: str | None = None) -> None:
    """Report a fill that cannot be booked: a person books it, if it is one. The others are booked all the same."""
    trade_id, fee_currency = (cleaned(part, _LONGEST_SHOWN) for part in (fill.trade_id, fill.fee_currency))
    shown = f"{fill.side} {fill.quantity:.50} at {fill.price:.50}, fee {fill.fee:.50} {fee_currency}"
    words = f"{exchange} reports the trade {trade_id} of {symbol}, which cannot be booked, as {why}: {shown}"
    about = f"{exchange} {symbol} {trade_id} {shown}"
    at.alarm(kinds.FILL_UNUSABLE, about, words, order_id=order_id, exchange_trade_id=trade_id)


def foreign_fill(at: Turn, exchange: str, symbol: str, fill: OrderFill) -> None:
    """Report a fill that belongs to no order of ours: somebody traded at the exchange by hand."""
    if why := why_unusable(fill):
        unusable_fill(at, exchange, symbol, fill, why)
        return
    words = f"{exchange} reports a fill of {symbol} that belongs to no order of this book: {_shown(fill)}"
    own = {"exchange": exchange, "symbol": symbol, "side": fill.side, "exchange_trade_id": fill.trade_id}
    amounts = {"qty": written(fill.quantity), "price": written(fill.price), "fee": written(fill.fee)}
    about = fill_name(exchange, symbol, fill)
    at.alarm(kinds.FOREIGN_FILL, about, words, **own, **amounts, fee_currency=fill.fee_currency)


def fail(at: Turn, order: OrderRow, code: str, words: str) -> None:
    """An approved order that the exchange refused or never had: an error, which the breaker counts."""
    at.move(order, "failed", code, words)
    at.error(order, code)


def answered(at: Turn, order: OrderRow) -> Reply:
    """The answer to the order's key: the one that it has, or from now on this one."""
    if stored := at.stored.answer:
        return Reply(stored.status, stored.body)
    fingerprint = bytes.fromhex(order["fingerprint"].removeprefix("\\x"))
    return store_answer(at, order["idempotency_key"], fingerprint, order_reply(order, at.now))


def fill_name(exchange: str, symbol: str, fill: OrderFill) -> str:
    """A fill's name among all fills."""
    return f"{exchange} {symbol} {fill.trade_id}"


def _ended(at: Turn, order: OrderRow, found: FoundOrder, filled: Decimal) -> None:
    """The exchange has cancelled the order, or it expired there."""
    if order["order_type"] == "market" and not filled:
        fail(at, order, "no_liquidity", "nothing was offered within the price band")
    elif order["order_type"] == "market":
        _move(at, order, "cancelled")
    elif code := order["cancel_code"]:
        at.move(order, "cancelled", code, CANCELLED[code])
    elif found.state == "expired":
        at.move(order, "expired", "expired_at_exchange", "the exchange let it expire")
    else:
        at.move(order, "cancelled", "cancelled_at_exchange", "it was cancelled at the exchange, not through this API")


def _move(at: Turn, order: OrderRow, state: str) -> None:
    if order["state"] != state:
        at.move(order, state)


def _stated(order: OrderRow, fill: OrderFill) -> KnownFill:
    return KnownFill(order["order_id"], fill.side, fill.quantity, fill.price, fill.fee, fill.fee_currency)


def _shown(fill: OrderFill) -> str:
    fee = f"{written(fill.fee)} {fill.fee_currency}"
    return f"{fill.side} {written(fill.quantity)} at {written(fill.price)}, fee {fee}"
