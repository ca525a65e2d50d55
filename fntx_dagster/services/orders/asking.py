"""What the API answers of a book beside its worth: orders, fills, the audit trail, limits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any
from uuid import UUID

from fntx_dagster.ledger.entries import moment
from fntx_dagster.ledger.exact import written
from fntx_dagster.services.orders.replies import answer
from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.services.orders.turn import Desk
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.ledger.books import About
from fntx_dagster.store.ledger.reading import FillsWanted


def order_status(desk: Desk, user_id: str, order_id: str) -> dict[str, Any]:
    """An order of the user as it is now. Raises Declined (404) where he has none such."""
    found = reading.order(desk.db, user_id, order_uuid(order_id))
    if found is None:
        raise not_found("order_not_found", "order_id", "no such order")
    own = ("bot_id", "exchange", "symbol", "side", "order_type")
    return {
        **answer(found, found["changed_at"]),
        **{name: found[name] for name in own},
        "amount": written(found["amount"]),
        "price": None if found["price"] is None else written(found["price"]),
        "created_at": moment(found["created_at"]),
    }


def pending_orders(desk: Desk, user_id: str, is_paper: bool, bot_id: str | None) -> dict[str, Any]:
    """The orders that may still be filled, newest first."""
    book_id = books.book_of(desk.db, user_id, is_paper)
    found = reading.pending(desk.db, book_id, bot_id) if book_id else []
    own = ("order_id", "bot_id", "exchange", "symbol", "side", "state")
    shown = [
        {name: order[name] for name in own}
        | {
            "amount": written(order["amount"]),
            "filled_amount": written(order["filled"]),
            "created_at": moment(order["created_at"]),
        }
        for order in found
    ]
    return {"pending_orders": shown, "count": len(shown)}


def fills(
    desk: Desk,
    user_id: str,
    is_paper: bool,
    *,
    bot_id: str | None,
    since: datetime | None,
    until: datetime | None,
    cursor: int | None,
    limit: int,
) -> dict[str, Any]:
    """Fills from `since` on and before `until`, newest first; `next_cursor` gives the next page."""
    wanted = FillsWanted(bot_id, since, until, cursor, limit)
    book_id = books.book_of(desk.db, user_id, is_paper)
    found = reading.fills(desk.db, book_id, wanted._replace(limit=wanted.limit + 1)) if book_id else []
    page = found[: wanted.limit]
    own = (
        "fill_id",
        "order_id",
        "bot_id",
        "exchange",
        "symbol",
        "side",
        "fee_currency",
        "liquidity",
        "exchange_trade_id",
    )
    shown = [
        {name: fill[name] for name in own}
        | {name: written(fill[name]) for name in ("qty", "price", "fee", "realized_pnl")}
        | {"timestamp": moment(fill["executed_at"]), "is_paper": is_paper}
        for fill in page
    ]
    following = f"{page[-1]['entry_no']}" if len(found) > len(page) else None
    return {"fills": shown, "count": len(shown), "next_cursor": following}


def audit_trail(desk: Desk, user_id: str, is_paper: bool, before: int | None, limit: int) -> dict[str, Any]:
    """The entries of the book, newest first, with all that a stranger needs to check their chain."""
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, user_id, is_paper)
        entries = reading.entries(db, book_id, before, limit) if book_id else []
        head = reading.head(db, book_id or 0)
    return {"audit_trail": entries, "count": len(entries), "head": head._asdict()}


def limits(desk: Desk, user_id: str, is_paper: bool, bot_id: str | None, now: datetime) -> dict[str, Any]:
    """How much of the day's and the burst's limits is used."""
    rules, day = desk.rules, desk.day(now)
    used, exchanges = (0, 0), {}
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, user_id, is_paper)
        if book_id:
            with db.connect() as connection:
                stored = books.read(connection, book_id, About(now, day, bot_id or "", burst_since=now))
            used = (stored.usage.user_today, stored.usage.bot_today)
            exchanges = reading.burst(db, book_id, now - rules.burst_window, now)
    start = datetime(day.year, day.month, day.day, tzinfo=desk.zone)
    return {
        "user_daily": _used(used[0], rules.user_daily),
        "bot_daily": _used(used[1], rules.bot_daily) if bot_id else None,
        "burst_limit": {
            "limit": rules.burst,
            "window_seconds": int(rules.burst_window.total_seconds()),
            "exchanges": {name: {"used": count} for name, count in exchanges.items()},
        },
        "day": {"zone": desk.zone.key, "starts_at": moment(start)},
    }


def not_found(code: str, field: str, words: str) -> Declined:
    """What belongs to another user is as little there as what nobody has."""
    return Declined([FieldFault(field, code, words)], code, 404)


def _used(used: int, limit: int) -> Mapping[str, Any]:
    return {
        "used": used,
        "limit": limit,
        "remaining": max(limit - used, 0),
        "percentage": written(Fraction(100 * used, limit)) if limit else "100",
    }


def order_uuid(text: str) -> str:
    """An order's id in its one form. Raises Declined (404) for what is none."""
    try:
        return str(UUID(text))
    except ValueError:
        raise not_found("order_not_found", "order_id", "no such order") from None
