"""The circuit breaker for its users: its state, its history, a reset, the kill switch; and the cancelling of orders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from fntx_dagster.ledger import breaker
from fntx_dagster.ledger.book import USER, Book
from fntx_dagster.ledger.entries import moment
from fntx_dagster.services.orders.access import Caller
from fntx_dagster.services.orders.asking import not_found, order_status, order_uuid
from fntx_dagster.services.orders.live.placing import cancel_in_time
from fntx_dagster.services.orders.live.settling import UNDER_WAY
from fntx_dagster.services.orders.requests import Declined, FieldFault
from fntx_dagster.services.orders.turn import Desk, turn
from fntx_dagster.store.ledger import books, reading
from fntx_dagster.store.ledger.books import About

MANUAL = "manual"
BY_PROPOSAL = "by the approved proposal"
"""How the reason of a trip begins that the treasury's signers decided: they alone reset it."""
_SHORTEST_REASON = 10


class Entity(NamedTuple):
    """Whose breaker: a bot's, or a user's own (`bot_id` None)."""

    user_id: str
    bot_id: str | None

    @property
    def name(self) -> str:
        return self.bot_id or USER

    @property
    def shown(self) -> dict[str, str]:
        if self.bot_id:
            return {"entity_type": "bot", "entity_id": self.bot_id}
        return {"entity_type": "user", "entity_id": self.user_id}


def entity(caller: Caller, bot_id: str | None, user_id: str | None) -> Entity:
    """Whose breaker a caller asks for: a bot of his own book, his own, or as an admin anybody's.

    Raises Declined (403) for another user's where the caller is no admin.
    """
    if user_id is not None and user_id != caller.user_id and not caller.is_admin:
        raise Declined([FieldFault("user_id", "admin_only", "only an admin asks for other users")], "admin_only", 403)
    return Entity(user_id or caller.user_id, bot_id)


def status(desk: Desk, caller: Caller, whose: Entity, is_paper: bool, now: datetime) -> dict[str, Any]:
    """Whether a breaker is tripped, why, and the figures it judges now. Raises Declined (404) for an unknown bot."""
    with desk.db.snapshot() as db:
        book_id = books.book_of(db, whose.user_id, is_paper)
        if whose.bot_id and not (book_id and reading.bot_exists(db, book_id, whose.bot_id)):
            raise not_found("bot_not_found", "bot_id", "no such bot")
        book, trip = Book(desk.currency), None
        if book_id:
            with db.connect() as connection:
                book = books.read(connection, book_id, About(now)).book
            trip = reading.trip(db, book_id, whose.name)
    book.observe(desk.day(now))
    return {
        "tripped": trip is not None,
        **whose.shown,
        **_trip(trip),
        "can_reset": trip is not None and may_reset(caller, whose) and not _is_of_signers(trip),
        "metrics": breaker.metrics(book, whose.name, now),
    }


def history(desk: Desk, user_id: str, is_paper: bool, bot_id: str | None, limit: int) -> dict[str, Any]:
    """The trips of the user's book, newest first, each with its reset where there was one."""
    book_id = books.book_of(desk.db, user_id, is_paper)
    found = reading.trips(desk.db, book_id, bot_id, limit) if book_id else []
    shown = [
        {
            **Entity(user_id, trip["bot_id"] or None).shown,
            **_trip(trip),
            "reset_at": trip["reset_at"] and moment(trip["reset_at"]),
            "reset_by_user_id": trip["reset_by"],
            "reset_reason": trip["reset_reason"],
        }
        for trip in found
    ]
    return {"history": shown, "count": len(shown)}


def may_reset(caller: Caller, whose: Entity) -> bool:
    """A bot by its owner or an admin; a user by an admin alone."""
    return caller.is_admin or (whose.bot_id is not None and whose.user_id == caller.user_id and caller.may_trade)


def reset(desk: Desk, caller: Caller, whose: Entity, is_paper: bool, reason: str, now: datetime) -> dict[str, Any]:
    """Reset a breaker, with the reason of whoever does it; it begins anew from now.

    Raises Declined: 422 for a reason of fewer than 10 characters, 403 for whoever may not, 409 where none is tripped.
    """
    reason = reason.strip()
    if len(reason) < _SHORTEST_REASON:
        words = f"say in at least {_SHORTEST_REASON} characters why the breaker may be reset"
        raise Declined([FieldFault("reason", "too_short", words)], "reason_missing")
    if not may_reset(caller, whose):
        raise Declined(
            [FieldFault("user_id", "admin_only", "only an admin resets a user's breaker")], "admin_only", 403
        )
    with turn(desk, whose.user_id, is_paper, About(now)) as at:
        if whose.name not in at.tripped:
            of, named = ("bot", "bot_id") if whose.bot_id else ("user", "user_id")
            words = f"the breaker of the {of} {whose.bot_id or whose.user_id} is not tripped"
            raise Declined([FieldFault(named, "not_tripped", words)], "not_tripped", 409)
        standing = reading.trip(desk.db, at.stored.book_id, whose.name)
        if standing and _is_of_signers(standing):
            words = "the treasury's signers tripped this breaker: an approved proposal `breaker.reset` resets it"
            raise Declined([FieldFault("user_id", "signers_only", words)], "signers_only", 403)
        at.observe()
        at.reset(whose.name, caller.user_id, reason)
    return {
        "success": True,
        **whose.shown,
        "reset_by": caller.user_id,
        "reason": reason,
        "timestamp": moment(now),
    }


def kill(desk: Desk, caller: Caller, whose: Entity, is_paper: bool, reason: str, now: datetime) -> dict[str, Any]:
    """Trip a breaker by hand: nothing but reduce-only orders passes until it is reset. Raises Declined (404) for an
    unknown bot."""
    status(desk, caller, whose, is_paper, now)
    with turn(desk, whose.user_id, is_paper, About(now)) as at:
        at.observe()
        if whose.name not in at.tripped:
            words = f"by hand, by {caller.user_id}: {reason.strip() or 'no reason given'}"
            at.trip(whose.name, breaker.Trigger(MANUAL, words, breaker.metrics(at.book, whose.name, now)))
    if not is_paper:
        cancel_in_time(desk, whose.user_id)
    return status(desk, caller, whose, is_paper, now)


def cancel(desk: Desk, user_id: str, order_id: str, now: datetime) -> dict[str, Any]:
    """Cancel what rests of an order; one that has ended stays as it is. A live one is cancelled at its exchange; one
    that is not known to be there yet, as soon as it is. Raises Declined (404) where there is none."""
    order_id = order_uuid(order_id)
    found = reading.order(desk.db, user_id, order_id)
    if found is None:
        raise not_found("order_not_found", "order_id", "no such order")
    with turn(desk, user_id, found["is_paper"], About(now, None, None, found["exchange"], found["symbol"])) as at:
        order = at.order(order_id)
        if order["state"] in UNDER_WAY:
            at.cancel(order, "cancelled_by_user")
    if not found["is_paper"]:
        cancel_in_time(desk, user_id)
    return order_status(desk, user_id, order_id)


def _is_of_signers(trip: Mapping[str, Any]) -> bool:
    """Whether the treasury's signers tripped a breaker: they alone reset it."""
    return trip["trigger_reason"].startswith(BY_PROPOSAL)


def _trip(trip: Mapping[str, Any] | None) -> dict[str, Any]:
    if trip is None:
        return {"trigger_type": None, "trigger_reason": None, "tripped_at": None, "metrics_at_trip": None}
    return {
        "trigger_type": trip["trigger_type"],
        "trigger_reason": trip["trigger_reason"],
        "tripped_at": moment(trip["tripped_at"]),
        "metrics_at_trip": trip["metrics"],
    }
