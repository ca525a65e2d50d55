"""The audit log as its page shows it: how it stands, checkpoints, anchors, a search by what is in clear; one event."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

from fntx_dagster.audit.event import TYPES
from fntx_dagster.governance.machines import LEDGER_TX, PROPOSAL
from fntx_dagster.services.auditing.checkpointing import make_checkpoint
from fntx_dagster.services.auditing.looking import AuditStatus
from fntx_dagster.services.auditing.looking import status as status_of
from fntx_dagster.services.auditing.proving import prove
from fntx_dagster.services.dashboard.events import OpenedEvent, opened_events
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import StoredEvent, first_of_day, log_size
from fntx_dagster.store.treasury.audit_search import (
    ListedCheckpoint,
    newest_anchors,
    newest_checkpoints,
    newest_events,
)
from fntx_dagster.store.treasury.checkpoints import AnchorRow, checkpoint_over, stored_anchors

__all__ = ["EVENT_TYPES", "AnchorRow", "AuditStatus", "ListedCheckpoint", "OpenedEvent", "make_checkpoint", "prove"]

EVENT_TYPES = tuple(
    sorted(
        TYPES
        | {f"proposal_{step.event}" for step in PROPOSAL}
        | {f"transaction_{step.event}" for step in LEDGER_TX}
        | {"proposal_standing_end", "proposal_standing_use"}
    )
)
_LEDGERS = ("xrpl", "stellar", "evm")
_PAGE, _CHECKPOINTS, _ANCHORS = 50, 10, 10
_LOOKS_AT = 100_000
"""No column in clear has an index of types: a page looks at so many events."""


class LogSearch(NamedTuple):
    """Events of a type, or of all; of the days of UTC from `first` to `last`; with a number below `before`."""

    type: str | None = None
    first: date | None = None
    last: date | None = None
    before: int | None = None


class LogShown(NamedTuple):
    """How the log stands, its newest checkpoints, each ledger's newest anchors, and a page of events, newest first.

    `before`: the number below which older ones are (None: none); `looked_back_to`: the oldest number that was looked
    at, where that was not all."""

    status: AuditStatus
    checkpoints: list[ListedCheckpoint]
    anchors: dict[str, list[AnchorRow]]
    events: list[OpenedEvent]
    before: int | None
    looked_back_to: int | None


class EventShown(NamedTuple):
    """An event; the size of the checkpoint that it is proved under (None: none is over it yet), and the ledgers that
    hold that."""

    opened: OpenedEvent
    checkpoint: int | None
    ledgers: list[str]


def log_shown(settings: Settings, db: Database, search: LogSearch) -> LogShown | None:
    """The log, with what a search finds; None where it has no event."""
    with db.snapshot() as snapshot:
        with snapshot.connect() as connection:
            size = log_size(connection)
            if not size:
                return None
            points = newest_checkpoints(connection, _CHECKPOINTS)
            anchors = {ledger: newest_anchors(connection, ledger, _ANCHORS) for ledger in _LEDGERS}
        start = first_of_day(snapshot, search.first) if search.first else 0
        behind = first_of_day(snapshot, search.last + timedelta(days=1)) if search.last else size
        behind = min(behind, search.before) if search.before is not None else behind
        first = max(start, behind - _LOOKS_AT)
        with snapshot.connect() as connection:
            found = newest_events(connection, first, behind, search.type, _PAGE + 1)
    page, has_more = found[:_PAGE], len(found) > _PAGE
    oldest = page[-1].line.seq if has_more else first
    return LogShown(
        status_of(settings, db),
        points,
        anchors,
        [*opened_events(settings, page)],
        oldest if oldest > start else None,
        first if first > start and not has_more else None,
    )


def event_shown(settings: Settings, db: Database, seq: int) -> EventShown | None:
    """One event; None where there is none."""
    with db.snapshot() as snapshot:
        with snapshot.connect() as connection:
            rows: list[StoredEvent] = newest_events(connection, seq, seq + 1, None, 1)
        if not rows:
            return None
        row = checkpoint_over(snapshot, seq)
        held = stored_anchors(snapshot, row.size) if row else []
    [opened] = opened_events(settings, rows)
    return EventShown(opened, row.size if row else None, sorted({each.anchor.ledger for each in held}))
