"""The events of the audit log: appended under its lock, and read as the sealed lines that they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

import psycopg

from fntx_dagster.audit.event import FIRST_PREVIOUS
from fntx_dagster.audit.sealing import SealedLine
from fntx_dagster.proof.log_tree import HASH_BYTES
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns, one_row

_AT_ONCE = 10_000


class Tail(NamedTuple):
    """Where the next event goes: its number, the leaf hash before it, the key of the last event (None: there is no
    event yet)."""

    next_seq: int
    prev_hash: bytes
    key_id: str | None


class StoredEvent(NamedTuple):
    """A row of the log: the sealed line, and what of the event stands beside it in clear."""

    line: SealedLine
    at: datetime
    type: str


class LeafRow(NamedTuple):
    """What of an event the tree and the chain need."""

    seq: int
    prev_hash: bytes
    leaf_hash: bytes


def lock_tail(connection: psycopg.Connection) -> Tail:
    """Where the next event goes. Until the transaction ends nobody else appends."""
    return Tail(*one_row(connection.execute("select next_seq, prev_hash, key_id from treasury.audit_tail()")))


def add_event(connection: psycopg.Connection, line: SealedLine, at: datetime, type: str) -> None:
    """Append a sealed event. `at` and `type`: what stands in clear."""
    connection.execute(
        """insert into treasury.audit_event (seq, key_id, nonce, ciphertext, prev_hash, leaf_hash, at, type)
        values (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (*line, at, type),
        prepare=True,
    )


def log_size(connection: psycopg.Connection) -> int:
    """How many events the log has, by the number of the last one."""
    return one_row(connection.execute("select coalesce(max(seq) + 1, 0) from treasury.audit_event"))[0]


def stored_events(db: Readable, first: int, behind: int) -> Iterator[StoredEvent]:
    """The events from number `first` up to and without `behind`, in their order; a log of any size needs little
    memory."""
    names = columns(SealedLine._fields)
    with db.connect() as connection, connection.cursor(name="audit_events") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(
            "select " + names + ", at, type from treasury.audit_event where seq >= %s and seq < %s order by seq",
            (first, behind),
        )
        for *line, at, type in cursor:
            yield StoredEvent(SealedLine(*line), at, type)


def stored_line(db: Readable, seq: int) -> SealedLine | None:
    """The sealed line of an event; None where there is none."""
    with db.connect() as connection:
        row = connection.execute(
            "select " + columns(SealedLine._fields) + " from treasury.audit_event where seq = %s", (seq,)
        ).fetchone()
    return SealedLine(*row) if row else None


def has_other_types(connection: psycopg.Connection, first: int, whole: Sequence[str], begins: Sequence[str]) -> bool:
    """Whether an event from number `first` on has a type that is none of `whole` and begins with none of `begins`."""
    return one_row(
        connection.execute(
            """select exists (select from treasury.audit_event
                where seq >= %s and type <> all(%s) and not type like any(%s))""",
            (first, [*whole], [f"{each}%" for each in begins]),
        )
    )[0]


def lines_of_types(
    connection: psycopg.Connection, first: int, without: Sequence[str], begins: Sequence[str]
) -> Iterator[SealedLine]:
    """The lines from number `first` on whose type begins with one of `begins` and is none of `without`, in order."""
    with connection.cursor(name="audit_lines") as cursor:
        cursor.execute(
            "select "
            + columns(SealedLine._fields)
            + """ from treasury.audit_event
            where seq >= %s and type <> all(%s) and type like any(%s) order by seq""",
            (first, [*without], [f"{each}%" for each in begins]),
        )
        for row in cursor:
            yield SealedLine(*row)


def leaf_rows(connection: psycopg.Connection, first: int, behind: int) -> Iterator[LeafRow]:
    """The leaves from number `first` up to and without `behind`, in their order."""
    with connection.cursor(name="audit_leaves") as cursor:
        cursor.itersize = _AT_ONCE
        cursor.execute(
            "select seq, prev_hash, leaf_hash from treasury.audit_event where seq >= %s and seq < %s order by seq",
            (first, behind),
        )
        for row in cursor:
            yield LeafRow(*row)


def leaf_hashes(connection: psycopg.Connection, size: int) -> list[bytes]:
    """The leaf hashes of the first `size` events, in their order; fewer where some are missing."""
    hashes: list[bytes] = []
    for first in range(0, size, _AT_ONCE * 10):
        joined = one_row(
            connection.execute(
                """select coalesce(string_agg(leaf_hash, ''::bytea order by seq), '') from treasury.audit_event
                where seq >= %s and seq < %s""",
                (first, min(first + _AT_ONCE * 10, size)),
            )
        )[0]
        hashes += [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]
    return hashes


def leaves_of_blocks(connection: psycopg.Connection, blocks: Iterable[int], width: int) -> dict[int, bytes]:
    """Number → leaf hash of the events in blocks of `width` events, by the numbers of the blocks; without those that
    are missing."""
    rows = connection.execute(
        """select seq, leaf_hash from unnest(%s::bigint[]) as asked (block)
        join treasury.audit_event on seq >= block * %s and seq < (block + 1) * %s""",
        ([*blocks], width, width),
    )
    return dict(rows.fetchall())


def leaf_before(connection: psycopg.Connection, seq: int) -> bytes | None:
    """The leaf hash that event `seq` must name as the one before it; None where that event is missing."""
    if seq == 0:
        return FIRST_PREVIOUS
    row = connection.execute("select leaf_hash from treasury.audit_event where seq = %s", (seq - 1,)).fetchone()
    return row[0] if row else None


def first_of_day(db: Readable, day: date) -> int:
    """The number of the first event on or after a day of UTC; the size of the log where there is none."""
    with db.connect() as connection:
        row = connection.execute(
            """select seq from treasury.audit_event where at >= (%s::date)::timestamp at time zone 'UTC'
            order by seq limit 1""",
            (day,),
        ).fetchone()
        return row[0] if row else log_size(connection)


def logged_at(connection: psycopg.Connection, seq: int) -> datetime | None:
    """When an event was logged (aware); None where there is none."""
    row = connection.execute("select at from treasury.audit_event where seq = %s", [seq]).fetchone()
    return row[0] if row else None


class LoggedAt(NamedTuple):
    """An event, and when it was logged (aware)."""

    seq: int
    at: datetime


def last_after(connection: psycopg.Connection, time: datetime) -> LoggedAt | None:
    """The event with the latest time of those that are later than a time (aware); None where none is."""
    row = connection.execute(
        "select seq, at from treasury.audit_event where at > %s order by at desc, seq desc limit 1", [time]
    ).fetchone()
    return LoggedAt(*row) if row else None


def lines_since_rotation(connection: psycopg.Connection) -> int:
    """How many events the newest key has sealed."""
    return one_row(
        connection.execute(
            """select (select coalesce(max(seq) + 1, 0) from treasury.audit_event)
                - coalesce((select max(seq) from treasury.audit_event where type = 'key_rotated'), 0)"""
        )
    )[0]


def key_ids(db: Readable) -> list[str]:
    """The keys that sealed events, the newest first."""
    with db.connect() as connection:
        rows = connection.execute(
            """select key_id from treasury.audit_event
            where seq = (select max(seq) from treasury.audit_event) or type = 'key_rotated' or seq = 0
            group by key_id order by max(seq) desc"""
        ).fetchall()
    return [key_id for (key_id,) in rows]
