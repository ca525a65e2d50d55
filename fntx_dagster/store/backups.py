"""What the database knows of its backups: which were made of it, and which one it was restored from.

A database that was restored posts nothing until it was compared with what the backup says and with the chain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from fntx_dagster.errors import Transient
from fntx_dagster.store.database import Connection, Database, Readable

RESTORES = """
CREATE TABLE IF NOT EXISTS alm_reporting.restores (
    name text PRIMARY KEY,
    counts jsonb NOT NULL,
    restored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    completed_at timestamptz,
    verified_at timestamptz,
    accepted text CHECK (accepted <> ''),
    CHECK (verified_at IS NULL OR completed_at IS NOT NULL)
);
"""
"""The table of restores: a dump of an older version lacks it, so restoring makes it too."""


class Restored(NamedTuple):
    """The backup that a database was restored from, the rows that it had (table → rows), and whether its files are in
    the home again, and whether it was verified."""

    name: str
    counts: Mapping[str, int]
    is_complete: bool
    is_verified: bool


class MadeBackup(NamedTuple):
    """A backup that was made of this database: its name, when it was complete (UTC), and its size in bytes."""

    name: str
    made_at: datetime
    bytes: int


def note_backup(db: Database, name: str, size: int) -> None:
    """Remember a backup that is complete."""
    with db.connect() as connection:
        connection.execute("insert into alm_reporting.backups (name, bytes) values (%s, %s)", (name, size))


def last_backup(db: Readable) -> MadeBackup | None:
    """The newest backup of this database."""
    query = "select name, made_at, bytes from alm_reporting.backups order by made_at desc limit 1"
    with db.connect() as connection:
        row = connection.execute(query).fetchone()
        return MadeBackup(*row) if row else None


def restored(connection: Connection) -> Restored | None:
    """The last restore of this database; None where there was none."""
    if connection.execute("select to_regclass('alm_reporting.restores')").fetchone() == (None,):
        return None
    row = connection.execute(
        """select name, counts, completed_at is not null, verified_at is not null or accepted is not null
        from alm_reporting.restores order by restored_at desc limit 1"""
    ).fetchone()
    return Restored(*row) if row else None


def noted_restore(name: str, counts: Mapping[str, int]) -> str:
    """The statements that note a restore, for a script: they go in the transaction that restores."""
    from psycopg import sql

    insert = sql.SQL("insert into alm_reporting.restores (name, counts) values ({}, {});").format(
        name, Jsonb(dict(counts))
    )
    return f"\n{RESTORES}\n{insert.as_string()}\n"


def complete(connection: Connection, name: str) -> None:
    """Note that all files of a restore are in the home."""
    connection.execute("update alm_reporting.restores set completed_at = clock_timestamp() where name = %s", (name,))


def verified(db: Database, name: str) -> None:
    """Note that a restored database was compared with its backup and the chain, and holds."""
    with db.connect() as connection:
        connection.execute("update alm_reporting.restores set verified_at = clock_timestamp() where name = %s", (name,))


def accept(db: Database, name: str, reason: str) -> None:
    """Note that a person takes a restored database as it is, and why."""
    with db.connect() as connection:
        connection.execute("update alm_reporting.restores set accepted = %s where name = %s", (reason, name))


def refuse_unverified(connection: Connection) -> None:
    """Transient where this database was restored and not verified yet."""
    found: Sequence[Any] | None = connection.execute(
        "select name from alm_reporting.restores where verified_at is null and accepted is null"
    ).fetchone()
    if found:
        raise Transient(
            f"this database was restored from the backup {found[0]} and is not verified, so nothing is sent",
            "Run `fntx restore --verify`",
        )
