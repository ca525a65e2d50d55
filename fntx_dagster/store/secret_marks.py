"""Marks that recognise secrets: noted once in the database, and compared by every machine that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fntx_dagster.store.database import Connection, Database, Readable


def mark_of(db: Readable, name: str) -> str | None:
    """The mark that is noted under a name; None where none is."""
    with db.connect() as connection:
        return _mark_of(connection, name)


class SecretMarks:
    """The marks of a database, for who notes one."""

    def __init__(self, db: Database) -> None:
        self._db = db

    @contextmanager
    def alone(self) -> Iterator[OpenMarks]:
        """The marks, which nobody else notes meanwhile on any machine. What is noted stays if the block ends well."""
        with self._db.connect() as connection:
            connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx secret marks', 0))")
            yield OpenMarks(connection)


class OpenMarks:
    """The marks while they are one process's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, name: str) -> str | None:
        return _mark_of(self._connection, name)

    def note(self, name: str, mark: str) -> None:
        """Note a mark for ever. The name must be free."""
        self._connection.execute("insert into fntx.secret_marks (name, mark) values (%s, %s)", (name, mark))


def _mark_of(connection: Connection, name: str) -> str | None:
    row = connection.execute("select mark from fntx.secret_marks where name = %s", (name,)).fetchone()
    return row[0] if row else None
