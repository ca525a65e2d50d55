"""Checkpoints: the log as it is now goes on from what was signed before, and is signed; else an alarm, and nothing.

A checkpoint hashes the new events alone. The last note is kept in the home as well as in the database, so that a
database that was restored from a backup is noticed. What both do not show, the ledgers do.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.audit.checkpoint import Checkpoint, LogKey, opened
from fntx_dagster.audit.compact_range import EMPTY, CompactRange, compact_range
from fntx_dagster.audit.consistency import consistency_holds
from fntx_dagster.audit.subtrees import LOWEST
from fntx_dagster.errors import Permanent
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.auditing.keys import is_from_settings, log_key
from fntx_dagster.services.auditing.log import rotate_key
from fntx_dagster.services.reporting import write_whole
from fntx_dagster.settings import Settings
from fntx_dagster.store.treasury.audit_log import leaf_before, leaf_rows, lines_since_rotation, log_size
from fntx_dagster.store.treasury.checkpoints import (
    CheckpointRow,
    add_checkpoint,
    checkpoint_of,
    lock_checkpoints,
    newest_checkpoint,
)
from fntx_dagster.store.treasury.subtrees import keep_subtrees, kept_roots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fntx_dagster.store.database import Connection, Database

SOURCE = "audit/log"
"""What an alert about the log calls its source."""
_ROTATE_AFTER = 2**29
"""Lines of one key; half of what its random nonces allow."""


class LogBroken(Permanent):
    """The log does not go on from what was signed: it was changed, shortened or restored."""

    def __init__(self, message: str) -> None:
        way_out = "Nothing was signed. docs/audit.md says how to find out what happened; `fntx audit status --whole`"
        super().__init__(message, f"{way_out} names the rows")


class MadeCheckpoint(NamedTuple):
    """The newest checkpoint, its signed note, and whether it was made now: none is while no event is new."""

    checkpoint: Checkpoint
    note: str
    is_new: bool


def make_checkpoint(settings: Settings, db: Database, now: datetime) -> MadeCheckpoint:
    """Sign the log as it is at `now` (aware). Raises LogBroken, and opens an alert, where it does not go on from the
    last checkpoint; Permanent where there is no event."""
    key = log_key(settings)
    try:
        with db.connect() as connection:
            lock_checkpoints(connection)
            made = _made(settings, key, connection, now)
    except LogBroken as broken:
        record(db, [Observed("audit", SOURCE, [Finding("log", broken.message)])])
        raise
    write_whole(_kept_note(settings), made.note, private=True)
    record(db, [Observed("audit", SOURCE, [])])
    with db.connect() as connection:
        is_worn = lines_since_rotation(connection) >= _ROTATE_AFTER
    if is_worn and not is_from_settings(settings):
        rotate_key(settings, db)
    return made


def checked_row(row: CheckpointRow, key: LogKey) -> tuple[Checkpoint, CompactRange]:
    """A stored checkpoint. Raises LogBroken where its note, its columns or its compact range do not fit together."""
    try:
        checkpoint = opened(row.note, key.verifier)
        tree = compact_range(row.size, row.compact_range)
    except Permanent as error:
        raise LogBroken(f"the stored checkpoint over {row.size} events does not hold: {error.message}") from None
    if (checkpoint.size, checkpoint.root) != (row.size, row.root) or tree.root != row.root:
        raise LogBroken(f"the stored checkpoint over {row.size} events is not what was signed")
    return checkpoint, tree


def check_kept_note(settings: Settings, key: LogKey, connection: Connection) -> None:
    """Raise LogBroken unless the database has the checkpoint that the home keeps."""
    file = _kept_note(settings)
    if not file.exists():
        return
    try:
        kept = opened(file.read_text(encoding="utf-8", errors="replace"), key.verifier)
    except Permanent as error:
        raise LogBroken(f"the last checkpoint in the home does not hold: {error.message}") from None
    row = checkpoint_of(connection, kept.size)
    if row is None:
        raise LogBroken(
            f"the database does not have the checkpoint over {kept.size} events that was signed at "
            f"{kept.time:%Y-%m-%d %H:%M:%S} UTC: it was restored from a backup, or is another one"
        )
    if row.root != kept.root:
        raise LogBroken(f"the first {kept.size} events are not those that were signed: the log was forked")


def _made(settings: Settings, key: LogKey, connection: Connection, now: datetime) -> MadeCheckpoint:
    check_kept_note(settings, key, connection)
    last = newest_checkpoint(connection)
    before, tree = checked_row(last, key) if last else (None, EMPTY)
    size = log_size(connection)
    if size < tree.size:
        raise LogBroken(f"the log has {size} events, and {tree.size} were signed: it was shortened")
    if not size:
        raise Permanent("the audit log has no event yet", "A checkpoint is made once there is one")
    if before:
        _keep_older_subtrees(connection, tree)
    if before and last and size == tree.size:
        return MadeCheckpoint(before, last.note, is_new=False)
    growth = tree.grown(_leaves_behind(connection, tree.size, size))
    if growth.tree.size != size:
        raise LogBroken(f"the log has {size} events by its last number, and {growth.tree.size} rows")
    if before and not consistency_holds(before.size, before.root, size, growth.root, growth.path):
        raise LogBroken(f"the log of {size} events does not go on from the {before.size} that were signed")
    checkpoint = Checkpoint(key.verifier.origin, size, growth.root, now.replace(microsecond=0))
    note = key.signed(checkpoint)
    add_checkpoint(connection, CheckpointRow(size, growth.root, [*growth.tree.roots], note))
    keep_subtrees(connection, growth.subtrees)
    return MadeCheckpoint(checkpoint, note, is_new=True)


def _keep_older_subtrees(connection: Connection, tree: CompactRange) -> None:
    """Keep the subtrees of a log that was signed before any were kept. They are appended together, so whoever has the
    newest has all."""
    heights = range(LOWEST, tree.size.bit_length())
    newest = {(height, (tree.size >> height) - 1) for height in heights if tree.size >> height & 1}
    if len(kept_roots(connection, newest)) < len(newest):
        growth = EMPTY.grown(_leaves_behind(connection, 0, tree.size))
        if growth.root != tree.root:
            raise LogBroken(f"the first {tree.size} events are not those that were signed")
        keep_subtrees(connection, growth.subtrees)


def _leaves_behind(connection: Connection, first: int, size: int) -> Iterator[bytes]:
    """The leaf hashes of the events from `first` on; LogBroken where one does not follow the one before it."""
    previous = leaf_before(connection, first)
    for number, row in enumerate(leaf_rows(connection, first, size), first):
        if row.seq != number:
            raise LogBroken(f"event {number} of the log is missing")
        if row.prev_hash != previous:
            raise LogBroken(f"event {number} of the log does not follow event {number - 1}")
        previous = row.leaf_hash
        yield row.leaf_hash


def _kept_note(settings: Settings) -> Path:
    return settings.paths.keys / "audit" / "last-checkpoint.txt"
