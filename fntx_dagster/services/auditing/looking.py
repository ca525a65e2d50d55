"""Looking at the log: how it stands, and every row of it, against what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.checkpoint import opened
from fntx_dagster.audit.compact_range import EMPTY
from fntx_dagster.audit.event import FIRST_PREVIOUS
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.checkpointing import LogBroken, check_kept_note, checked_row
from fntx_dagster.services.auditing.keys import LostKey, SealingKey, key_of, log_key
from fntx_dagster.store.outbox.anchors import anchors as queued_anchors
from fntx_dagster.store.treasury.audit_log import StoredEvent, key_ids, log_size, stored_events
from fntx_dagster.store.treasury.checkpoints import checkpoints, newest_checkpoint, stored_anchors
from fntx_dagster.store.treasury.subtrees import all_subtrees

if TYPE_CHECKING:
    from fntx_dagster.model.chain import WaitingAnchor
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database

_MOST_PROBLEMS = 100


class AuditStatus(NamedTuple):
    """How the log stands: events; of them in the last checkpoint, and its time (aware); the key of the log, to be
    published; the newest sealing key; names of sealing keys that are not there; ledger → the largest size that it
    holds; anchors that are on their way to a chain, or not final there, or refused, unless a later one is there."""

    events: int
    signed: int
    signed_at: datetime | None
    log_key: str
    key_id: str | None
    lost_keys: list[str]
    anchored: dict[str, int]
    anchoring: list[WaitingAnchor]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, for programs."""
        return {**self._asdict(), "anchoring": [row.as_dict() for row in self.anchoring]}


class WholeCheck(NamedTuple):
    """What a look at every row found: events; how many of them could not be opened because their key is not there;
    checkpoints; the problems, at most 100."""

    events: int
    unopened: int
    checkpoints: int
    problems: list[str]


def status(settings: Settings, db: Database) -> AuditStatus:
    """How the log stands."""
    key = log_key(settings)
    with db.snapshot() as snapshot:
        with snapshot.connect() as connection:
            events, last = log_size(connection), newest_checkpoint(connection)
            queued = queued_anchors(connection)
        ids, anchors = key_ids(snapshot), stored_anchors(snapshot)
    signed_at = None
    with suppress(Permanent):
        signed_at = opened(last.note, key.verifier).time if last else None
    anchored: dict[str, int] = {}
    for row in anchors:
        anchored[row.anchor.ledger] = max(row.anchor.size, anchored.get(row.anchor.ledger, 0))
    lost = [key_id for key_id in ids if _key(settings, key_id) is None]
    size = last.size if last else 0
    there = max((row.size for row in queued if row.is_in_block), default=0)
    anchoring = [
        row for row in queued if row.state not in ("final", "failed") or (row.state == "failed" and row.size > there)
    ]
    return AuditStatus(events, size, signed_at, key.verifier.text, ids[0] if ids else None, lost, anchored, anchoring)


def look_at_everything(settings: Settings, db: Database) -> WholeCheck:
    """Check every row: the order, the chain, each line opened and hashed anew, what stands in clear beside it; every
    checkpoint's signature and root; the kept roots of subtrees; the checkpoint that the home keeps."""
    key, problems = log_key(settings), _Problems()
    with db.snapshot() as snapshot:
        with snapshot.connect() as connection:
            size = log_size(connection)
            try:
                check_kept_note(settings, key, connection)
            except LogBroken as error:
                problems.add(error.message)
            kept = all_subtrees(connection)
        rows = checkpoints(snapshot)
        reader = _Reader(settings, problems)
        tree, is_kept = EMPTY, bool(kept)
        for row in rows:
            try:
                checked_row(row, key)
            except LogBroken as error:
                problems.add(error.message)
            growth = tree.grown(reader.leaves(stored_events(snapshot, tree.size, row.size)))
            if growth.tree.size != row.size:
                problems.add(f"the log has {growth.tree.size} of the {row.size} events that were signed")
                break
            if growth.root != row.root:
                problems.add(f"the first {row.size} events are not those that were signed")
            tree = growth.tree
            for subtree in growth.subtrees if is_kept else ():
                if kept.pop(subtree[:2], None) != subtree.root:
                    problems.add(_not_as_kept(subtree.height, subtree.place))
        else:
            for height, place in sorted(kept):
                problems.add(_not_as_kept(height, place))
            for _ in reader.leaves(stored_events(snapshot, tree.size, size)):
                pass
    return WholeCheck(size, reader.unopened, len(rows), problems.found)


class _Problems:
    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, problem: str) -> None:
        if len(self.found) < _MOST_PROBLEMS:
            self.found.append(problem)


class _Reader:
    """Reads rows in their order, and notes what is wrong with each."""

    def __init__(self, settings: Settings, problems: _Problems) -> None:
        self.unopened = 0
        self._settings, self._problems = settings, problems
        self._keys: dict[str, SealingKey | None] = {}
        self._next, self._previous = 0, FIRST_PREVIOUS

    def leaves(self, rows: Iterator[StoredEvent]) -> Iterator[bytes]:
        """The leaf hashes of the rows."""
        for row in rows:
            self._check(row)
            yield row.line.leaf_hash

    def _check(self, row: StoredEvent) -> None:
        line = row.line
        if line.seq != self._next:
            self._problems.add(f"event {self._next} of the log is missing")
        elif line.prev_hash != self._previous:
            self._problems.add(f"event {line.seq} does not follow the event before it")
        self._next, self._previous = line.seq + 1, line.leaf_hash
        if line.key_id not in self._keys:
            self._keys[line.key_id] = _key(self._settings, line.key_id)
        key = self._keys[line.key_id]
        if key is None:
            self.unopened += 1
            return
        try:
            event = unsealed(line, key.secret)
        except Permanent as error:
            self._problems.add(error.message)
            return
        if (event["type"], datetime.fromisoformat(event["time"].replace("Z", "+00:00"))) != (row.type, row.at):
            self._problems.add(f"type or time beside event {line.seq} is not what the event says")


def _not_as_kept(height: int, place: int) -> str:
    first, behind = place << height, (place + 1) << height
    return f"the root that is kept of events {first} to {behind - 1} is missing, or not that of their leaves"


def _key(settings: Settings, key_id: str) -> SealingKey | None:
    try:
        return key_of(settings, key_id)
    except LostKey:
        return None
