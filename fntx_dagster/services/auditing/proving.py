"""What is given to a stranger or an auditor: the proof of one event, sealed lines, checkpoints and their anchors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.anchor import as_proved
from fntx_dagster.audit.compact_range import EMPTY
from fntx_dagster.audit.proof_file import OlderTree, check_proof, proof_file
from fntx_dagster.audit.sealing import unsealed
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.checkpointing import LogBroken, checked_row
from fntx_dagster.services.auditing.keys import key_of, log_key
from fntx_dagster.services.auditing.paths import ProofPaths, computed_paths, kept_paths
from fntx_dagster.store.treasury.audit_log import (
    first_of_day,
    leaf_rows,
    log_size,
    stored_events,
    stored_line,
)
from fntx_dagster.store.treasury.checkpoints import (
    AnchorRow,
    add_anchor,
    checkpoint_before,
    checkpoint_over,
    checkpoints,
    newest_checkpoint,
    stored_anchors,
)

if TYPE_CHECKING:
    from fntx_dagster.audit.anchor import Anchor
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Database, Readable


class ExportedPart(NamedTuple):
    """The events of an export, numbered from `first` to `last`, both inclusive; `signed`: how many events of the log,
    from its first, the newest checkpoint covers."""

    first: int
    last: int
    signed: int

    @property
    def warning(self) -> str:
        """Which of them no checkpoint covers, and what to do; empty where all are covered."""
        start = max(self.first, self.signed)
        if start > self.last:
            return ""
        events = f"event {start} is" if start == self.last else f"events {start} to {self.last} are"
        without = f"; `--to {self.signed - 1}` leaves out what it does not cover" if self.signed else ""
        return f"{events} under no checkpoint yet: `fntx audit checkpoint` makes one{without}"


class NoSuchEvent(Permanent):
    """The log has no event of that number."""


class NotSigned(Permanent):
    """No checkpoint is over what was asked for."""


def prove(settings: Settings, db: Database, seq: int) -> dict[str, Any]:
    """The proof file of an event, under the newest checkpoint that a ledger holds, else under the newest.

    Raises NoSuchEvent; NotSigned where no checkpoint is over it; LogBroken where the log no longer gives a proof that
    holds; LostKey where the event cannot be opened."""
    with db.snapshot() as snapshot:
        line = stored_line(snapshot, seq)
        if line is None:
            raise NoSuchEvent(f"the audit log has no event {seq}", "`fntx audit status` says how many there are")
        row = checkpoint_over(snapshot, seq)
        if row is None:
            raise NotSigned(f"no checkpoint is over event {seq} yet", "`fntx audit checkpoint` makes one")
        older = checkpoint_before(snapshot, row.size)
        anchors = [each.anchor for each in stored_anchors(snapshot, row.size)]
        key = log_key(settings)
        checked_row(row, key)
        event = unsealed(line, key_of(settings, line.key_id).secret)

        def document(paths: ProofPaths) -> dict[str, Any]:
            from_older = older and OlderTree(older.size, older.root, paths.consistency)
            made = proof_file(event, row.note, key.verifier, paths.inclusion, from_older, anchors)
            check_proof(made)
            return made

        place = row.size, seq, older.size if older else None
        with snapshot.connect() as connection:
            if kept := kept_paths(connection, *place):
                with suppress(Permanent):
                    return document(kept)
            try:
                return document(computed_paths(connection, *place))
            except LogBroken:
                raise
            except Permanent as error:
                raise LogBroken(f"the log gives no proof of event {seq} that holds: {error.message}") from None


def exported_part(db: Database, first: int | date | None = None, last: int | date | None = None) -> ExportedPart:
    """Which events an export from `first` to `last` has, as they are read by `exported_lines`."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        start = first_of_day(snapshot, first) if isinstance(first, date) else first or 0
        newest = newest_checkpoint(connection)
        behind = min(_behind(snapshot, last), log_size(connection))
        return ExportedPart(start, behind - 1, newest.size if newest else 0)


def exported_lines(db: Database, first: int | date | None = None, last: int | date | None = None) -> Iterator[bytes]:
    """The lines of `audit-events.jsonl`: sealed events from number `first` to number `last`, both inclusive, or of the
    days of UTC from `first` to `last`; left out, all."""
    with db.snapshot() as snapshot:
        start = first_of_day(snapshot, first) if isinstance(first, date) else first or 0
        for stored in stored_events(snapshot, start, _behind(snapshot, last)):
            yield json.dumps(stored.line.as_exported(), separators=(",", ":")).encode() + b"\n"


def exported_checkpoints(settings: Settings, db: Database) -> Iterator[bytes]:
    """A line for each checkpoint, the smallest first: the note, the proof that it goes on from the one before, and the
    ledgers that hold it. A fork, or a log that was shortened, cannot be written as such a file."""
    key = log_key(settings)
    with db.snapshot() as snapshot:
        anchors = stored_anchors(snapshot)
        tree, before = EMPTY, None
        for row in checkpoints(snapshot):
            checkpoint, _ = checked_row(row, key)
            with snapshot.connect() as connection:
                growth = tree.grown(leaf.leaf_hash for leaf in leaf_rows(connection, tree.size, row.size))
            if growth.root != row.root:
                raise LogBroken(f"the first {row.size} events are not those that were signed")
            older = before and {
                "size": before.size,
                "root": before.root.hex(),
                "hashes": [each.hex() for each in growth.path],
            }
            own = [as_proved(each.anchor, checkpoint) for each in anchors if each.anchor.size == row.size]
            content = {"checkpoint": row.note, "log_key": key.verifier.text, "consistency": older, "anchors": own}
            yield json.dumps(content, separators=(",", ":")).encode() + b"\n"
            tree, before = growth.tree, checkpoint


def anchors_of(db: Database) -> list[AnchorRow]:
    """The transactions on ledgers that hold checkpoints, in the order in which they were recorded."""
    return stored_anchors(db)


def record_anchor(db: Database, anchor: Anchor) -> None:
    """Keep a transaction that is final on its ledger and holds a checkpoint of ours; nothing where it is kept."""
    with db.connect() as connection:
        add_anchor(connection, anchor)


def _behind(snapshot: Readable, last: int | date | None) -> int:
    if isinstance(last, date):
        return first_of_day(snapshot, date.fromordinal(last.toordinal() + 1))
    if last is not None:
        return last + 1
    with snapshot.connect() as connection:
        return log_size(connection)
