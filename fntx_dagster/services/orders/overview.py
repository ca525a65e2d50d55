"""All books at a glance, and a book's entries for whoever wants to check them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.ledger.book import USER
from fntx_dagster.ledger.entries import Entry
from fntx_dagster.ledger.exact import written
from fntx_dagster.ledger.units import Fund
from fntx_dagster.services.orders.alarms import VERIFIED, name_of_book
from fntx_dagster.services.orders.health import ABANDONED
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store import alerts
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.ledger import books, checking, reading, watch
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.checking import BookRow


class BookState(NamedTuple):
    """A book now. `user_id`: of a broker's account its label. Money as text, in the reporting currency, None where a
    price is missing; `drawdown` a part of 1; `tripped`: whose breakers, `user` or bots; `unknown_orders`: how many
    orders have an unknown outcome; `problem`: what the last verification found wrong, None where nothing."""

    book_id: int
    user_id: str
    book: str
    currency: str
    entries: int
    equity: str | None
    daily_pnl: str | None
    drawdown: str
    tripped: tuple[str, ...]
    unknown_orders: int
    problem: str | None


def overview(desk: Desk, user_id: str | None = None) -> list[BookState]:
    """The books of a user, or all, at the prices of now. Raises Permanent for a user without a book."""
    with desk.db.snapshot() as db:
        return states_of(desk, db, checking.listed(db, user_id))


def states_of(desk: Desk, db: Readable, rows: Iterable[BookRow]) -> list[BookState]:
    """These books at the prices of now."""
    now, found = desk.clock(), []
    labels = account_labels(db)
    unknown = Counter(order.book_id for order in watch.unknown_orders(db, now - ABANDONED))
    wrong = {alert.subject: alert.text for alert in alerts.unresolved(db) if alert.source == VERIFIED}
    listed = list(rows)
    with db.connect() as connection:
        read = books.read_each(connection, [row.book_id for row in listed], About(now))
    for row, stored in zip(listed, read, strict=True):
        stored.book.observe(desk.day(now))
        fund, equity = stored.book.funds.get(USER, Fund()), stored.book.value().equity
        found.append(
            BookState(
                row.book_id,
                labels.get(row.user_id, row.user_id),
                "paper" if row.is_paper else "live",
                row.currency,
                row.head.entry_no,
                None if equity is None else written(equity, 8),
                None if equity is None else written(fund.daily_pnl, 8),
                written(fund.drawdown, 6),
                tuple(name or "user" for name in sorted(stored.tripped)),
                unknown[row.book_id],
                wrong.get(name_of_book(row.book_id, row.is_paper)),
            )
        )
    return found


def export_entries(db: Database, user_id: str, is_paper: bool) -> Iterator[Entry]:
    """The entries of a book, oldest first. Raises Permanent where the user has none."""
    book_id = books.book_of(db, user_id, is_paper)
    if book_id is None:
        raise Permanent(
            f"{user_id} has no {'paper' if is_paper else 'live'} book", "`fntx ledger status` lists the books"
        )
    return reading.all_entries(db, book_id)
