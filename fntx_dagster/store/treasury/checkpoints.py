"""The checkpoints over the audit log, and the transactions on ledgers that hold them."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns


class CheckpointRow(NamedTuple):
    """A checkpoint as it is stored: size, root, the roots of the perfect subtrees, the signed note."""

    size: int
    root: bytes
    compact_range: list[bytes]
    note: str


class AnchorRow(NamedTuple):
    """An anchor, its number, and when it was recorded (aware)."""

    anchor_id: int
    anchor: Anchor
    recorded_at: datetime


def lock_checkpoints(connection: psycopg.Connection) -> None:
    """Let nobody else make a checkpoint before the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx audit checkpoint', 0))")


def newest_checkpoint(connection: psycopg.Connection) -> CheckpointRow | None:
    """The checkpoint over the most events; None where there is none."""
    row = connection.execute(
        "select " + _COLUMNS + " from treasury.audit_checkpoint order by size desc limit 1"
    ).fetchone()
    return CheckpointRow(*row) if row else None


def checkpoint_of(connection: psycopg.Connection, size: int) -> CheckpointRow | None:
    """The checkpoint over exactly so many events; None where there is none."""
    row = connection.execute("select " + _COLUMNS + " from treasury.audit_checkpoint where size = %s", (size,))
    found = row.fetchone()
    return CheckpointRow(*found) if found else None


def checkpoints(db: Readable) -> list[CheckpointRow]:
    """Every checkpoint, the smallest first."""
    with db.connect() as connection:
        rows = connection.execute("select " + _COLUMNS + " from treasury.audit_checkpoint order by size").fetchall()
    return [CheckpointRow(*row) for row in rows]


def add_checkpoint(connection: psycopg.Connection, row: CheckpointRow) -> None:
    """Keep a checkpoint."""
    connection.execute(
        "insert into treasury.audit_checkpoint (" + _COLUMNS + ") values (%s, %s, %s, %s)",
        row,
    )


def add_anchor(connection: psycopg.Connection, anchor: Anchor) -> bool:
    """Keep a transaction that is final on its ledger; False where it is kept already."""
    added = connection.execute(
        "insert into treasury.anchor (" + _OF_ANCHOR + ") values (%s, %s, %s, %s, %s, %s) on conflict do nothing",
        anchor,
    )
    return added.rowcount == 1


def stored_anchors(db: Readable, size: int | None = None) -> list[AnchorRow]:
    """The anchors, or those of the checkpoint over `size` events, in the order in which they were recorded."""
    with db.connect() as connection:
        rows = connection.execute(
            "select anchor_id, recorded_at, " + _OF_ANCHOR + " from treasury.anchor"
            " where %(size)s::bigint is null or size = %(size)s order by anchor_id",
            {"size": size},
        ).fetchall()
    return [AnchorRow(anchor_id, Anchor(*anchor), at) for anchor_id, at, *anchor in rows]


def checkpoint_over(db: Readable, seq: int) -> CheckpointRow | None:
    """The checkpoint to prove event `seq` under: the newest that a ledger holds, else the newest; None: none is over
    it yet."""
    with db.connect() as connection:
        row = connection.execute(
            "select " + _COLUMNS + " from treasury.audit_checkpoint as own where size > %s"
            " order by exists (select from treasury.anchor where anchor.size = own.size) desc, size desc limit 1",
            (seq,),
        ).fetchone()
    return CheckpointRow(*row) if row else None


def checkpoint_before(db: Readable, size: int) -> CheckpointRow | None:
    """The largest checkpoint over fewer events; None where there is none."""
    with db.connect() as connection:
        row = connection.execute(
            "select " + _COLUMNS + " from treasury.audit_checkpoint where size < %s order by size desc limit 1", (size,)
        ).fetchone()
    return CheckpointRow(*row) if row else None


_COLUMNS = columns(CheckpointRow._fields)
_OF_ANCHOR = columns(Anchor._fields)
