"""The log of who signed in and who changed what about users: append-only."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.store.database import Database, Readable


class AuditEntry(NamedTuple):
    """An entry. `user_id`: whom it is about, None where a name was tried that nobody has. `actor`: who did it."""

    audit_id: int
    at: datetime
    event: str
    user_id: str | None
    actor: str
    proof: str | None
    address: str | None
    detail: str | None


def note(
    connection: psycopg.Connection,
    event: str,
    user_id: str | None,
    actor: str,
    *,
    proof: str | None = None,
    address: str | None = None,
    detail: str | None = None,
) -> None:
    """Append an entry in the caller's transaction."""
    connection.execute(
        """insert into visitors.audit (event, user_id, actor, proof, address, detail)
        values (%s, %s, %s, %s, %s, %s)""",
        (event, user_id, actor, proof, address, detail),
    )


def append(db: Database, event: str, user_id: str | None, actor: str, **more: str | None) -> None:
    """Append an entry in a transaction of its own; `more` as in `note`."""
    with db.connect() as connection:
        note(connection, event, user_id, actor, **more)


def newest(db: Readable, limit: int, user_id: str | None = None) -> list[AuditEntry]:
    """The newest entries first, of one user or of all."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(AuditEntry)) as cursor:
        return cursor.execute(
            """select audit_id, at, event, user_id, actor, proof, address, detail from visitors.audit
            where %(user)s::text is null or user_id = %(user)s order by audit_id desc limit %(limit)s""",
            {"user": user_id, "limit": limit},
        ).fetchall()
