"""Follow live orders that rest, and every fill of the accounts: the poll.

Each market in which a book has had an order is followed. A fill that belongs to no order of ours is reported,
once, and not booked; it is not called so while an order may be at the exchange under an id that is not known yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from fntx_dagster.errors import FntxError
from fntx_dagster.model.exchanges import Exchange, FoundFill, FoundOrder
from fntx_dagster.services.orders.live.cancelling import cancel_at
from fntx_dagster.services.orders.live.reaching import Reach
from fntx_dagster.services.orders.live.reports import Report, for_each, note, reach_of
from fntx_dagster.services.orders.live.settling import book_fills, foreign_fill, settle
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.store.ledger import live
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.live import FollowedMarket, LiveOrder

_MOST_PROBLEMS = 3
"""After so many orders of a market that cannot be read, its others are left for the next round."""


def follow(desk: Desk) -> int:
    """Cancel what is marked for it, and book what happened to the orders and in the accounts: how many markets were
    read. Raises Transient, after all of them, where an exchange did not answer."""

    def read(market: FollowedMarket) -> bool:
        _follow(desk, market)
        return True

    return for_each(live.markets(desk.db), read)


def _follow(desk: Desk, market: FollowedMarket) -> None:
    reach, began = reach_of(desk), desk.clock()
    exchange = reach.account(market.user_id, market.exchange)
    found, problems = _states(exchange, live.resting_in(desk.db, market), reach)
    fills = exchange.fills(market.symbol, market.since - reach.overlap)
    owners, is_sure = _owners(desk, exchange, market, fills, reach, found)
    own = {order_id: [fill for fill in fills if owners.get(_name(fill)) == order_id] for order_id in owners.values()}
    foreign = [fill for fill in fills if _name(fill) not in owners] if is_sure else []
    now = desk.clock()
    about = About(now, desk.day(now), None, market.exchange, market.symbol)
    with turn(desk, market.user_id, False, about) as at:
        for order_id in {**found, **own}:
            row, state = at.order(order_id), found.get(order_id)
            if state is not None:
                settle(at, row, Report(state, own.get(order_id, ())))
                continue
            book_fills(at, row, own.get(order_id, ()))
            if order_id in found and row["state"] in ("open", "partially_filled"):
                at.move(row, "unknown")  # the exchange has lost it, or shows it again later
        for fill in foreign:
            foreign_fill(at, market.exchange, market.symbol, fill.fill)
    if is_sure:
        live.followed(desk.db, market, began)
    if problems:
        raise problems[0]


def _states(
    exchange: Exchange, resting: Iterable[LiveOrder], reach: Reach
) -> tuple[dict[str, FoundOrder | None], list[Exception]]:
    """The orders that rest as the exchange has them, those first cancelled that are marked for it; and what went wrong.
    An order that cannot be read keeps no other waiting, nor the fills of its market."""
    found: dict[str, FoundOrder | None] = {}
    problems: list[Exception] = []
    for order in resting:
        try:
            if order.cancel_code:
                cancel_at(exchange, order)
            found[order.order_id] = exchange.find(order.client_id, order.symbol, order.created_at - reach.overlap)
        except Exception as error:  # also a fault of this program: it is raised when the others are done
            problems.append(error)
            if len(problems) == _MOST_PROBLEMS:
                break
    return found, problems


def _owners(
    desk: Desk,
    exchange: Exchange,
    market: FollowedMarket,
    fills: Sequence[FoundFill],
    reach: Reach,
    found: dict[str, FoundOrder | None],
) -> tuple[dict[str, str], bool]:
    """Fill → the order that it belongs to, and whether the others certainly belong to none of ours. An order that is
    found meanwhile is added to `found`."""
    ids = {each.exchange_id for each in fills} - {""}
    ours = [order for each in fills if (order := _order_id(each.client_id))]
    known = {order.order_id: order for order in live.named(desk.db, market, ours, ids)}
    by_exchange_id = {order.exchange_order_id: order.order_id for order in known.values() if order.exchange_order_id}
    owners = _matched(fills, known, by_exchange_id)
    if all(_name(each) in owners for each in fills):
        return owners, True
    lost = live.without_exchange_id(desk.db, market)
    for order in lost:
        try:
            shown = exchange.find(order.client_id, order.symbol, order.created_at - reach.overlap)
        except FntxError as error:
            note(market.exchange, error)
            break  # it is not sure whose the fills are; they are read again
        if shown is not None:
            known[order.order_id], found[order.order_id] = order, shown
            by_exchange_id[shown.exchange_id] = order.order_id
    waiting = any(order.order_id not in known and order.state != "failed" for order in lost)
    return _matched(fills, known, by_exchange_id), not waiting


def _matched(fills: Sequence[FoundFill], known: dict[str, LiveOrder], by_exchange_id: dict[str, str]) -> dict[str, str]:
    owners = {}
    for each in fills:
        order_id = _order_id(each.client_id)
        owner = order_id if order_id in known else by_exchange_id.get(each.exchange_id)
        if owner:
            owners[_name(each)] = owner
    return owners


def _name(fill: FoundFill) -> str:
    return fill.fill.trade_id


def _order_id(client_id: str) -> str | None:
    try:
        return str(UUID(hex=client_id)) if client_id else None
    except ValueError:
        return None
