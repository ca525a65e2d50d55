"""Looking through the audit log by what stands in clear: numbers, types, times; its newest checkpoints and anchors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.sealing import SealedLine
from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns
from fntx_dagster.store.treasury.audit_log import StoredEvent
from fntx_dagster.store.treasury.checkpoints import AnchorRow


def newest_events(connection: Connection, first: int, behind: int, type: str | None, most: int) -> list[StoredEvent]:
    """So many events at most from number `first` up to and without `behind`, newest first; of a type, or of all."""
    rows = connection.execute(
        f"""select {columns(SealedLine._fields)}, at, type from treasury.audit_event
        where seq >= %(first)s and seq < %(behind)s and (%(type)s::text is null or type = %(type)s)
        order by seq desc limit %(most)s""",
        {"first": first, "behind": behind, "type": type, "most": most},
    ).fetchall()
    return [StoredEvent(SealedLine(*row[:-2]), row[-2], row[-1]) for row in rows]


def events_between(
    connection: Connection, since: datetime, until: datetime, but: Sequence[str], most: int
) -> tuple[list[StoredEvent], int]:
    """The events from one time (aware) on and before another, oldest first, without those of the types `but`: of more
    than `most`, as many of the first and of the last; and how many between them were left out. Only the rows of that
    time are read, however long the log is."""
    names, half = columns(SealedLine._fields), most // 2
    rows = connection.execute(
        f"""with own as materialized (
            select {names}, at, type, row_number() over (order by seq) as place, count(*) over () as every
            from treasury.audit_event
            where at >= %(since)s and at < %(until)s and type <> all(%(but)s))
        select {names}, at, type, every from own where place <= %(half)s or place > every - %(half)s order by seq""",
        {"since": since, "until": until, "but": [*but], "half": half},
    ).fetchall()
    events = [StoredEvent(SealedLine(*row[:-3]), row[-3], row[-2]) for row in rows]
    return events, rows[0][-1] - len(rows) if rows else 0


class ListedCheckpoint(NamedTuple):
    """A checkpoint: size, root, when it was made (aware), and the ledgers that hold it."""

    size: int
    root: bytes
    made_at: datetime
    ledgers: list[str]


def newest_checkpoints(connection: Connection, most: int) -> list[ListedCheckpoint]:
    """So many checkpoints at most, the largest first."""
    with connection.cursor(row_factory=args_row(ListedCheckpoint)) as cursor:
        return cursor.execute(
            """select size, root, made_at, array(
                select distinct ledger from treasury.anchor where anchor.size = own.size order by ledger)
            from treasury.audit_checkpoint as own order by size desc limit %s""",
            [most],
        ).fetchall()


def newest_anchors(connection: Connection, ledger: str, most: int) -> list[AnchorRow]:
    """So many anchors on a ledger at most, the newest first."""
    rows = connection.execute(
        f"""select anchor_id, recorded_at, {columns(Anchor._fields)} from treasury.anchor
        where ledger = %s order by anchor_id desc limit %s""",
        [ledger, most],
    ).fetchall()
    return [AnchorRow(anchor_id, Anchor(*anchor), at) for anchor_id, at, *anchor in rows]
