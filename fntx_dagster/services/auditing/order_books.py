"""Breakers in the audit log: each trip and each reset of a book's breaker, in the transaction that stores it.

An event names the book by its number and the entry by its hash, which says the rest: no user, no bot, and no reason,
since its proof may be given to a stranger.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, NewAuditEvent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection

NoteEvents = Callable[["Connection", Sequence[NewAuditEvent]], None]
"""What writes events in the transaction of a connection, last of all."""
_BREAKER = "system:breaker"
_log = logging.getLogger(__name__)


def noted_books(settings: Settings) -> NoteEvents:
    """What writes the events of a book. A key of the log that is lost, or of no use, keeps no breaker from tripping:
    then the book's own entries tell of it alone."""

    def note(connection: Connection, events: Sequence[NewAuditEvent]) -> None:
        from fntx_dagster.services.auditing.keys import LostKey  # ciphers, which an order does without
        from fntx_dagster.services.auditing.log import append_all

        try:
            append_all(settings, connection, events)
        except LostKey as lost:
            _log.error("the audit log does not tell of a breaker: %s", lost)

    return note


def tripped(book_id: int, is_paper: bool, entry: Mapping[str, Any], trigger_type: str) -> NewAuditEvent:
    """The event of a trip, whose entry of the ledger this is."""
    details = _details(book_id, is_paper, entry) | {"trigger": trigger_type}
    return NewAuditEvent("breaker_tripped", _BREAKER, _subject(book_id, entry["entry_no"]), details)


def was_reset(book_id: int, is_paper: bool, entry: Mapping[str, Any], trip_no: int) -> NewAuditEvent:
    """The event of a reset of the trip with this number."""
    details = _details(book_id, is_paper, entry)
    return NewAuditEvent("breaker_reset", _BREAKER, _subject(book_id, trip_no), details)


def _subject(book_id: int, trip_no: int) -> EventSubject:
    return EventSubject("breaker", f"book-{book_id}/trip-{trip_no}")


def _details(book_id: int, is_paper: bool, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "book": book_id,
        "mode": "paper" if is_paper else "live",
        "of": entry["entity_type"],
        "entry": entry["entry_no"],
        "entry_hash": entry["hash"],
    }
