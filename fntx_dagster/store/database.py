"""A database, and transactions in it: one for writing, or one snapshot that several readers share.

The other modules of this room read and write rows through `connect`. A reader is annotated `Readable`, so that it takes
a database or a snapshot of it; a writer takes a `Database`. No error holds a password.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.settings.groups import CONNECTIONS
from fntx_dagster.store import pool
from fntx_dagster.store.urls import TRY_AGAIN, first_line

Connection = psycopg.Connection
"""What `connect` gives, for those who hand it on and import no psycopg."""


class Readable(Protocol):
    """What rows are read from: a database, each time as it then is, or a snapshot of one."""

    def connect(self) -> AbstractContextManager[psycopg.Connection]:
        """A connection in a transaction. Raises Transient when the server cannot be reached or goes away, Permanent
        where a table is missing."""
        ...


@dataclass(frozen=True, repr=False)
class Database:
    """A PostgreSQL database by URL (`postgresql://…`, or libpq's `key=value` form). `connections`: how many of them
    this process opens at most; the first use of the database decides."""

    url: str
    connections: int = CONNECTIONS

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection with one transaction: committed at the end, rolled back on an error.

        Raises Transient when the server cannot be reached or goes away, or when no connection gets free in time;
        Permanent for a URL that cannot be read.
        """
        pooled = pool.pool_of(self.url, self.connections)
        connection = pooled.take()
        try:
            with _in_words(connection):
                yield connection
                connection.commit()
        except BaseException:
            with suppress(psycopg.Error):
                connection.rollback()
            raise
        finally:
            pooled.give_back(connection)

    @contextmanager
    def snapshot(self) -> Iterator[InTransaction]:
        """The database as it is now, in one transaction that sees no later change and refuses to write.

        Raises what `connect` raises.
        """
        with self.connect() as connection:
            # the query takes the snapshot; without it the first reader would
            connection.execute("set transaction isolation level repeatable read, read only; select 1")
            yield InTransaction(connection)

    def server_start(self) -> datetime:
        """When the server started; every crash of it is a new start. Raises what `connect` raises."""
        with self.connect() as connection:
            row = connection.execute("select pg_postmaster_start_time()").fetchone()
            assert row
            return row[0]

    def close(self) -> None:
        """Close this process's connections, before the database is dropped or copied; the next use opens others."""
        pool.close(self.url)

    def __repr__(self) -> str:
        shown = conninfo_to_dict(self.url)
        return f"Database(host={shown.get('host')!r}, dbname={shown.get('dbname')!r})"


class InTransaction:
    """One transaction for all readers of a use case: that of `Database.snapshot`, or one that writes what follows from
    what they read."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """The connection of the transaction, the same for all; calls may be nested. After an error that the database
        reports, nothing more can be read in it."""
        with _in_words(self._connection):
            yield self._connection


@contextmanager
def _in_words(connection: psycopg.Connection) -> Iterator[None]:
    """Turn a missing table and a lost connection into errors that say what to do."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise Permanent(
            f"the database lacks a table of this program ({first_line(error)})",
            "`fntx run` builds dbt's tables again; anything else comes back from a backup, or in a new home",
        ) from error
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        if not connection.broken:
            raise
        raise Transient(f"the connection to the database was lost ({first_line(error)})", TRY_AGAIN) from error
