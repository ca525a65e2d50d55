"""Which ledgers the log is anchored on, when the next anchor is due there, and whether the last one is too old.

What is due on the EVM chain is queued here without its key: `fntx audit anchor`, a process of its own, signs and sends
what is queued.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.audit.anchor import origin_hash
from fntx_dagster.model.chain import AnchorHead, WaitingAnchor
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.anchoring.everywhere import configured_ledgers
from fntx_dagster.services.auditing.anchoring import due_at
from fntx_dagster.services.auditing.keys import log_key
from fntx_dagster.services.auditing.news import checkpoint_to_anchor
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.store.outbox import anchors as queue
from fntx_dagster.store.treasury.audit_log import logged_at
from fntx_dagster.store.treasury.checkpoints import newest_checkpoint, stored_anchors

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database
    from fntx_dagster.store.outbox.anchors import AnchorWay

_LATE = 2
"""An anchor is late when so many times the time between two has passed since the last."""


class QueuedHere(NamedTuple):
    """What waits for the EVM chain's poster, the oldest first; whether one was queued now, and when the next is due
    (aware). `way`: where the last one went; None where none was ever made: then nothing is queued."""

    way: AnchorWay | None
    waiting: list[WaitingAnchor]
    is_new: bool
    due_at: datetime | None


def queue_due(settings: Settings, db: Database, now: datetime) -> QueuedHere:
    """Queue the log as it is at `now` (aware) for the EVM chain that had the last anchor, from the same poster, where
    one is due. No key is read and no node is asked: whoever has the key made the first. Permanent where the log does
    not go on from what was signed."""
    with db.connect() as connection:
        way = queue.last_way(connection, origin_hash(log_key(settings).verifier.origin))
        at = None if way is None else due_at(settings, connection, way)
        rows = [] if way is None else queue.anchors(connection, way)
    if way is None or at is None or at > now or any(row.is_on_its_way for row in rows):
        return QueuedHere(way, [row for row in rows if row.is_on_its_way], is_new=False, due_at=at)
    sent = [row.size for row in rows if row.state != "failed"]
    made = checkpoint_to_anchor(settings, db, now, max(sent, default=0))
    with db.connect() as connection:
        queue.lock_queue(connection)
        at = due_at(settings, connection, way)
        is_wanted = at is not None and at <= now  # nobody queued one meanwhile
        is_new = is_wanted and queue.queue(connection, way, AnchorHead(made.size, made.root))
        rows, at = queue.anchors(connection, way), due_at(settings, connection, way)
    return QueuedHere(way, [row for row in rows if row.is_on_its_way], is_new, at)


def late_anchors(settings: Settings, db: Database, now: datetime) -> list[Finding]:
    """The ledgers on which the last anchor is too old, or on which none was made since the log began: those that the
    treasury has a server of, and the EVM chain once an anchor was queued for it."""
    patience = timedelta(seconds=configured(settings).anchor_every_s) * _LATE
    named = [ledger for ledger in configured_ledgers(settings) if ledger != "evm"]
    with db.snapshot() as snapshot:
        with snapshot.connect() as connection:
            begun, last = logged_at(connection, 0), newest_checkpoint(connection)
            named += ["evm"] * bool(queue.anchors(connection))
        newest = {row.anchor.ledger: row.recorded_at for row in stored_anchors(snapshot)}
    if begun is None or last is None:
        return []
    return [
        Finding(ledger, _late(ledger, newest.get(ledger), now))
        for ledger in named
        if now - newest.get(ledger, begun) > patience
    ]


def _late(ledger: str, at: datetime | None, now: datetime) -> str:
    if at is None:
        return f"{ledger}: no anchor of the audit log is there yet"
    return f"{ledger}: the last anchor of the audit log was confirmed {(now - at) / timedelta(hours=1):.0f} hours ago"
