"""Orders as a visitor looks for them, and one with its gates, its fills and the entries that it made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, get_args
from uuid import UUID

from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.gates import GATES, VALIDATION
from fntx_dagster.model.answers import OrderState
from fntx_dagster.services.dashboard.books import PAPER, BookNames, SeenBook, seen_user
from fntx_dagster.services.visitors.visitor import Visitor
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import book_list, order_list, reading
from fntx_dagster.store.ledger.order_list import ListedOrder, OrderPlace, OrdersWanted

__all__ = ["STATES", "ListedOrder", "OrderPage", "OrderSearch", "OrderShown", "one_order", "orders_of"]

STATES: tuple[OrderState, ...] = get_args(OrderState)
_AT_ONCE = 50
_MOST_FILLS = 200


class OrderSearch(NamedTuple):
    """Which orders are looked for; None: all. `before`: the id of the order behind which the page begins."""

    user: str | None = None
    bot: str | None = None
    state: str | None = None
    kind: str | None = None
    before: str | None = None


class OrderPage(NamedTuple):
    """Orders, newest first, each with the name of its book's user; `before`: the id of the order behind which the next
    page begins, None at the end. `looked_back_to`: the time of the last order that was looked at, where the page ends
    before as many were found as it holds."""

    orders: list[tuple[str, ListedOrder]]
    before: str | None
    looked_back_to: datetime | None


class GateShown(NamedTuple):
    """A gate and what it said of an order: `passed`, `refused`, or `not asked` behind one that refused."""

    name: str
    said: str
    words: str


class OrderShown(NamedTuple):
    """An order: its row, its gates in their order, its fills (200 at most) and the entries that it made."""

    book: SeenBook
    row: Mapping[str, Any]
    gates: list[GateShown]
    fills: Sequence[Mapping[str, Any]]
    entries: list[Entry]


def orders_of(db: Database, visitor: Visitor, search: OrderSearch, limit: int = _AT_ONCE) -> OrderPage | None:
    """The orders that a visitor sees and looks for; None where he looks for what he sees nothing of."""
    with db.snapshot() as snapshot:
        names, own = BookNames(snapshot), seen_user(visitor)
        user = names.user_of(search.user) if search.user else own
        if (search.user and user is None) or own not in (None, user):
            return None
        place = None
        if search.before and (place := _place(snapshot, search.before, own)) is None:
            return None
        is_paper = None if search.kind is None else search.kind == PAPER
        wanted = OrdersWanted(user, search.bot, search.state, is_paper, place, limit + 1)
        found, until = order_list.listed(snapshot, wanted)
        page = found[:limit]
        following = page[-1].order_id if len(found) > limit else until.order_id if until else None
        shown = [(names.shown(order.user_id), order) for order in page]
        return OrderPage(shown, following, until.created_at if until else None)


def one_order(db: Database, visitor: Visitor, order_id: str) -> OrderShown | None:
    """An order; None where there is none, or none that the visitor sees."""
    with db.snapshot() as snapshot:
        row = _row(snapshot, order_id, seen_user(visitor))
        book = book_list.of_user(snapshot, row["user_id"], row["is_paper"]) if row else None
        if row is None or book is None:
            return None
        fills = order_list.fills_of(snapshot, row["order_id"], _MOST_FILLS)
        events = order_list.events_of(snapshot, book.book_id, row["order_id"], _MOST_FILLS)
        booked = reading.entries_of(snapshot, book.book_id, [fill["entry_no"] for fill in fills])
        entries = sorted([*events, *booked], key=lambda entry: entry["entry_no"])
        return OrderShown(SeenBook(BookNames(snapshot).shown(book.user_id), book), row, _gates(row), fills, entries)


def _gates(row: Mapping[str, Any]) -> list[GateShown]:
    failed, passed = row["gate_failed"], row["gates_passed"]
    gates = []
    if failed == VALIDATION:
        gates.append(GateShown(VALIDATION, "refused", row["rejection_reason"] or ""))
    for name in GATES:
        if name in passed:
            gates.append(GateShown(name, "passed", ""))
        elif name == failed:
            gates.append(GateShown(name, "refused", row["rejection_reason"] or ""))
        else:
            gates.append(GateShown(name, "not asked", ""))
    return gates


def _place(db: Readable, order_id: str, own: str | None) -> OrderPlace | None:
    row = _row(db, order_id, own)
    return OrderPlace(row["created_at"], row["order_id"]) if row else None


def _row(db: Readable, order_id: str, own: str | None) -> Mapping[str, Any] | None:
    try:
        row = order_list.order_of_id(db, f"{UUID(order_id)}")
    except ValueError:
        return None
    return row if row and own in (None, row["user_id"]) else None
