"""The lock that every step of the treasury takes, and the row that says whether it is paused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection, Database


class PlatformState(NamedTuple):
    """Whose installation this is (32 hex digits), `running` or `paused`, why, by which proposal, since when."""

    instance: str
    state: str
    reason: str
    proposal_id: UUID | None
    since: datetime


@contextmanager
def entered(db: Database, *, alone: bool = False) -> Iterator[Connection]:
    """A transaction of one step. Steps go on side by side; one that is `alone`, as a pause, waits until those that
    began before it have ended, and lets none begin before it has. The lock queues: a pause is not overtaken."""
    with db.connect() as connection:
        connection.execute(_ALONE if alone else _SIDE_BY_SIDE)
        yield connection


_ALONE = "select pg_advisory_xact_lock(hashtextextended('fntx treasury', 0))"
_SIDE_BY_SIDE = "select pg_advisory_xact_lock_shared(hashtextextended('fntx treasury', 0))"


def platform_state(connection: Connection) -> PlatformState | None:
    """The state; None before the first signer set."""
    with connection.cursor(row_factory=args_row(PlatformState)) as cursor:
        return cursor.execute(
            "select instance, state, reason, proposal_id, since from treasury.platform_state"
        ).fetchone()


def begin_platform(connection: Connection, instance: str) -> None:
    """Make the row, with the first signer set."""
    connection.execute("insert into treasury.platform_state (instance, state) values (%s, 'running')", [instance])


def set_platform_state(connection: Connection, state: str, reason: str, proposal_id: UUID) -> None:
    """Pause or resume, in a transaction that entered alone."""
    connection.execute(
        """update treasury.platform_state
        set state = %s, reason = %s, proposal_id = %s, since = clock_timestamp()""",
        [state, reason, proposal_id],
    )
