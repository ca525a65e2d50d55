"""Events of the audit log in plain text, for who may read them: opened with the log's keys, each key read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.keys import LostKey, SealingKey, key_of
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.audit_log import StoredEvent
from fntx_dagster.store.treasury.audit_search import events_between
from fntx_dagster.store.treasury.proposals import ProposalRow

_NOT_OF_PROPOSALS = ("day_signed", "day_posted", "ledger_head_recorded", "list_loaded", "key_rotated")
_MOST_READ = 5_000
_AFTER = timedelta(minutes=1)
"""The last step of a proposal and its last event are of one transaction."""


class OpenedEvent(NamedTuple):
    """A row of the log, and what it says; None where its key is not there, or it does not open with it."""

    stored: StoredEvent
    event: dict[str, Any] | None


class ProposalHistory(NamedTuple):
    """The events about a proposal, oldest first. `unread`: how many of its time, between its first and its last ones,
    were not read, because so many others were logged meanwhile."""

    events: list[OpenedEvent]
    unread: int


def opened_events(settings: Settings, rows: Iterable[StoredEvent]) -> Iterator[OpenedEvent]:
    """Rows of the log with what they say."""
    keys: dict[str, SealingKey | None] = {}
    for row in rows:
        key_id = row.line.key_id
        if key_id not in keys:
            keys[key_id] = _key(settings, key_id)
        yield OpenedEvent(row, _opened(row, keys[key_id]))


def history_of(settings: Settings, db: Database, row: ProposalRow, until: datetime) -> ProposalHistory:
    """What the log says of a proposal from its first event to `until` (aware). No column in clear names a proposal, so
    the events of that time are opened: of very many the first and the last, where it begins and ends."""
    with db.connect() as connection:
        found, unread = events_between(connection, row.created_at, until + _AFTER, _NOT_OF_PROPOSALS, _MOST_READ)
    about = [
        each
        for each in opened_events(settings, found)
        if each.event is not None and is_about(each.event, f"{row.proposal_id}")
    ]
    return ProposalHistory(about, unread)


def is_about(event: dict[str, Any], proposal_id: str) -> bool:
    """Whether an event is about a proposal: it is its subject, or its details name it."""
    details = event["details"]
    named = (event["subject"]["id"], details.get("proposal"), str(details.get("cause", "")).removeprefix("proposal:"))
    return proposal_id in named


def _key(settings: Settings, key_id: str) -> SealingKey | None:
    try:
        return key_of(settings, key_id)
    except LostKey:
        return None


def _opened(row: StoredEvent, key: SealingKey | None) -> dict[str, Any] | None:
    try:
        return unsealed(row.line, key.secret) if key else None
    except Permanent:
        return None
