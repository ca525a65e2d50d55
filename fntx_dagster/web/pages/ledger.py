"""`/ledger`: the books that the visitor sees; `/ledger/{user}/{paper|live}`: one with what it holds, its entries and
their chain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from fntx_dagster.errors import without_accounts
from fntx_dagster.report import money
from fntx_dagster.services.dashboard.books import SeenBook, seen_book
from fntx_dagster.services.dashboard.ledger import BookShown, book_of, books_of
from fntx_dagster.services.dashboard.verifying import CHECKS
from fntx_dagster.services.ledger_accounts.statements import statement_of_day
from fntx_dagster.services.orders.overview import BookState
from fntx_dagster.web import words
from fntx_dagster.web.asking import Answer, Asked, NotFound, Shown
from fntx_dagster.web.following import OF_BOOKS, following, following_book
from fntx_dagster.web.grids import Badge, Cell, Grid, Link, address_of, path_of

_APART = ("entry_no", "type", "event_type", "timestamp", "recorded_at", "prev_hash", "hash", "is_paper")
"""Fields of an entry that stand beside what it states."""


def show(asked: Asked) -> Answer:
    """The books, by user."""
    streamed = following(asked, *OF_BOOKS)
    page = books_of(asked.desk, asked.visitor, asked.text("after"))
    headers = ("Book", "State", "Breakers", "Currency", "Entries", "Equity", "Today", "Drawdown")
    rows = [_book(book, state) for book, state in page.books]
    values = {
        "streamed": streamed,
        "books": Grid("Books", headers, rows, words=4, results=("Today",)),
        "older": address_of("/ledger", after=page.after) if page.after else None,
    }
    return Shown("ledger.html.j2", "Ledger", values)


def book_named(asked: Asked) -> SeenBook:
    """The book that the address names. Raises NotFound where the visitor sees none such."""
    user, kind = asked.request.path_params["user"], asked.request.path_params["book"]
    book = None if "\0" in user else seen_book(asked.site.db, asked.visitor, user, kind)
    if book is None:
        raise NotFound
    return book


def one(asked: Asked) -> Answer:
    """The book that the address names; with a form, it is verified."""
    book = book_named(asked)
    path = path_of("ledger", book.name, book.kind)
    if asked.acts:
        CHECKS.begin(asked.desk, book, records=asked.visitor.may_act)
        return RedirectResponse(f"{path}#verification", 303)
    before = asked.number("before")
    streamed = following_book(asked, book)
    details = book_of(asked.desk, asked.visitor, book, before)
    values = {
        "streamed": streamed,
        "book": book,
        "path": path,
        "details": details,
        "summary": details.summary,
        "check": CHECKS.last(asked.desk, book),
        "gates_path": path_of("gates", book.name, book.kind),
        "orders_path": address_of("/orders", user=book.name, book=book.kind)
        if asked.visitor.sees_every_book
        else address_of("/orders", book=book.kind),
        "positions": _positions(details),
        "lots": _lots(details),
        "balances": Grid(
            "Balances",
            ("Currency", "Amount", "Fees paid"),
            [(name, money.exactly(amount), money.exactly(fees)) for name, amount, fees in details.balances],
        ),
        "entries": [(entry, _stated(entry)) for entry in details.entries],
        "days": _days(book, details),
        "older": address_of(path, before=f"{details.before}") + "#entries" if details.before else None,
        "newest": f"{path}#entries" if before else None,
    }
    return Shown("book.html.j2", f"The {book.kind} book of {book.name}", values)


def statement(asked: Asked) -> Answer:
    """The statement of a day of a book, as a file. Raises Permanent for a day that is not over."""
    book, day = book_named(asked), asked.day()
    if day is None:
        raise NotFound
    document = statement_of_day(asked.site.db, book.row.user_id, book.row.is_paper, day)
    name = f"ledger-{book.row.book_id}-{day}.xml"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(document, media_type="application/xml", headers=headers)


def _book(book: SeenBook, state: BookState) -> tuple[Cell, ...]:
    return (
        Link(f"{book.name}, {book.kind}", path_of("ledger", book.name, book.kind)),
        Badge("does not hold", "bad") if state.problem else Badge("no fault is known"),
        Badge(f"tripped: {', '.join(state.tripped)}", "bad") if state.tripped else "none tripped",
        state.currency,
        f"{state.entries:,}",
        words.figure(state.equity),
        words.figure(state.daily_pnl, signed=True),
        words.part(state.drawdown),
    )


def _positions(details: BookShown) -> Grid:
    headers = ("Symbol", "Exchange", "Bot", "Quantity", "Average entry", "Mark", "Unrealised P&L", "Priced")
    rows = [
        (
            each["symbol"],
            each["exchange"],
            each["bot_id"],
            words.figure(each["quantity"]),
            words.figure(each["average_entry_price"]),
            words.figure(each["mark_price"]),
            words.figure(each["unrealized_pnl"], signed=True),
            words.stated(each["priced_at"]),
        )
        for each in details.summary["positions"]
    ]
    return Grid("Positions", headers, rows, words=3, results=("Unrealised P&L",))


def _lots(details: BookShown) -> Grid:
    rows = [
        (lot.symbol, lot.exchange, lot.bot_id, f"{lot.entry_no}", words.figure(lot.quantity), words.figure(lot.price))
        for lot in details.lots
    ]
    return Grid("Open lots", ("Symbol", "Exchange", "Bot", "Entry", "Quantity", "Price"), rows, words=3)


def _days(book: SeenBook, details: BookShown) -> Grid:
    headers = ("Trading day", "Statement", "Fills", "Volume", "Fees", "Realised P&L", "Flows", "Equity at its end")
    path = ("ledger", book.name, book.kind, "statement")
    of_broker = details.account_days is not None and details.account_days.is_brokers
    rows = [
        (
            f"{day.day}",
            words.NONE if of_broker else Link("XML", path_of(*path, f"{day.day}")),
            f"{day.trades:,}",
            words.amount(day.volume),
            money.exactly(day.fees),
            money.exactly(day.realized, signed=True),
            words.gained(day.flows),
            words.amount(day.equity),
        )
        for day in details.days
    ]
    return Grid("Days", headers, rows, words=2, results=("Realised P&L",))


def _stated(entry: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What an entry states beside its kind, its time and its chain."""
    return [
        (name.replace("_", " "), without_accounts(_value(value)))
        for name, value in entry.items()
        if name not in _APART and value is not None
    ]


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_value, value))
    return f"{value}"
