"""`/orders`: the orders of the books that the visitor sees; `/orders/{id}`: one with what each gate said of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from fntx_dagster.report import money
from fntx_dagster.services.dashboard.books import KINDS
from fntx_dagster.services.dashboard.orders import STATES, ListedOrder, OrderSearch, OrderShown, one_order, orders_of
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.following import OF_BOOKS, following, following_book
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of, path_of

_BAD, _GOOD = ("rejected", "failed", "unknown"), ("filled",)
_COSTS = (
    ("expected_edge_bps", "Expected edge"),
    ("fee_bps", "Fees"),
    ("spread_bps", "Spread"),
    ("slippage_bps", "Slippage"),
    ("safety_margin_bps", "Safety margin"),
    ("total_cost_bps", "Costs together"),
    ("profit_margin_bps", "Edge less costs"),
    ("min_edge_bps", "Least edge less costs"),
)
_GATES = {
    "validation": "Validation",
    "idempotency": "1. Idempotency",
    "fee_coverage": "2. Fee coverage",
    "trade_limiter": "3. Trade limiter",
    "circuit_breaker": "4. Circuit breaker",
}


def show(asked: Asked) -> Answer:
    """The orders that are looked for, newest first."""
    streamed = following(asked, *OF_BOOKS)
    kind, state = asked.word("book", ("all", *KINDS)), asked.word("state", ("any", *STATES))
    search = OrderSearch(
        asked.text("user"),
        asked.text("bot"),
        None if state == "any" else state,
        None if kind == "all" else kind,
        asked.text("before"),
    )
    page = orders_of(asked.site.db, asked.visitor, search)
    if page is None:
        raise NotFound
    chosen = {"user": search.user, "bot": search.bot, "state": search.state, "book": search.kind}
    values = {
        "streamed": streamed,
        "orders": Grid("Orders", _HEADERS, [_order(name, order) for name, order in page.orders], words=7),
        "chosen": chosen,
        "all_users": asked.visitor.sees_every_book,
        "kinds": [("all", "paper and live"), *((each, each) for each in KINDS)],
        "states": [("any", "any"), *((each, each.replace("_", " ")) for each in STATES)],
        "older": address_of("/orders", **chosen, before=page.before) if page.before else None,
        "newest": address_of("/orders", **chosen) if search.before else None,
        "looked_back_to": page.looked_back_to,
    }
    return Shown("orders.html.j2", "Orders", values)


_HEADERS = ("Time", "Book", "Bot", "Exchange", "Order", "State", "Refused by", "Amount", "Price", "Filled", "Average")


def _order(name: str, order: ListedOrder) -> tuple[Cell, ...]:
    kind = "paper" if order.is_paper else "live"
    return (
        Link(words.moment(order.created_at), f"/orders/{order.order_id}"),
        Link(f"{name}, {kind}", path_of("ledger", name, kind)),
        order.bot_id,
        order.exchange,
        f"{order.side} {order.symbol}, {order.order_type}",
        state_of(order.state),
        (order.gate_failed or order.reason_code or "").replace("_", " "),
        money.plain(order.amount),
        words.NONE if order.price is None else money.plain(order.price),
        money.plain(order.filled),
        average(order.paid, order.filled),
    )


def state_of(state: str) -> Badge:
    """An order's state as a cell."""
    return Badge(state.replace("_", " "), "bad" if state in _BAD else "good" if state in _GOOD else "")


def average(paid: Decimal, filled: Decimal) -> str:
    """The average price of what was filled."""
    return money.exactly(paid / filled) if filled else words.NONE


def one(asked: Asked) -> Answer:
    """The order that the address names."""
    newest = following(asked)
    order = one_order(asked.site.db, asked.visitor, asked.request.path_params["order"])
    if order is None:
        raise NotFound
    row, book = order.row, order.book
    summary: Mapping[str, str | None] = row["summary"]
    gates = Grid(
        "Gates",
        ("Gate", "Said", "Why"),
        [
            (_GATES[gate.name], Badge(gate.said, {"passed": "good", "refused": "bad"}.get(gate.said, "")), gate.words)
            for gate in order.gates
        ],
        words=3,
    )
    values = {
        "streamed": following_book(asked, book)._replace(after=newest.after),
        "row": row,
        "book": book,
        "book_path": path_of("ledger", book.name, book.kind),
        "gates_path": path_of("gates", book.name, book.kind),
        "state": state_of(row["state"]),
        "average": average(row["paid"], row["filled"]),
        "gates": gates,
        "costs": [(label, summary.get(name)) for name, label in _COSTS],
        "fills": _fills(order),
        "entries": _entries(order),
    }
    return Shown("order.html.j2", f"Order: {row['side']} {money.plain(row['amount'])} {row['symbol']}", values)


def _fills(order: OrderShown) -> Grid:
    headers = ("Time", "Entry", "Liquidity", "Trade of the exchange", "Quantity", "Price", "Fee", "Realised P&L")
    return Grid("Fills", headers, [_fill(order, fill) for fill in order.fills], words=4, results=headers[-1:])


def _fill(order: OrderShown, fill: Mapping[str, Any]) -> tuple[Cell, ...]:
    taken_back = ", taken back" if fill["is_reversed"] else ""
    return (
        words.moment(fill["executed_at"]),
        Link(f"{fill['entry_no']}{taken_back}", entry_path(order, fill["entry_no"])),
        fill["liquidity"],
        fill["exchange_trade_id"],
        money.plain(fill["qty"]),
        money.plain(fill["price"]),
        f"{money.plain(fill['fee'])} {fill['fee_currency']}",
        money.exactly(fill["realized_pnl"], signed=True),
    )


def _entries(order: OrderShown) -> Grid:
    rows = [
        (
            Link(f"{entry['entry_no']}", entry_path(order, entry["entry_no"])),
            entry["event_type"].replace("_", " "),
            entry["timestamp"],
            entry["hash"],
        )
        for entry in order.entries
    ]
    return Grid("Entries of the ledger", ("Entry", "Kind", "Time", "Hash"), rows, words=4)


def entry_path(order: OrderShown, number: int) -> str:
    """Where an entry stands in its book's page."""
    return f"{path_of('ledger', order.book.name, order.book.kind)}?before={number + 1}#entry-{number}"
