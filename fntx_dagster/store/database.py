"""Which database, and connections to it: the embedded server or a URL, its databases, and its migrations.

Rows are read and written in the other modules of this room, through `Database.connect`. A password is never part of an
error, and opening a database that is up to date costs one SELECT. A run, which asks some hundred times, keeps a
connection for the next question: `keeping_connections`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.urls import TRY_AGAIN, first_line, without_password

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, repr=False)
class Database:
    """A PostgreSQL database by URL (`postgresql://…`, or libpq's `key=value` form)."""

    url: str

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection with one transaction: committed at the end, rolled back on an error.

        Raises Transient when the server cannot be reached or goes away, Permanent for a URL that is none.
        """
        connection = _taken(self.url)
        try:
            with _handed_back(self.url, connection):
                yield connection
        except psycopg.errors.UndefinedTable as error:
            raise Permanent(
                f"the database lacks a table of this program ({first_line(error)})",
                "What dbt builds is made anew by `fntx run`; anything else comes back from a backup, or in a new home",
            ) from error
        except psycopg.OperationalError as error:
            if not connection.broken:
                raise
            raise Transient(f"the connection to the database was lost ({first_line(error)})", TRY_AGAIN) from error

    def __repr__(self) -> str:
        shown = conninfo_to_dict(self.url)
        return f"Database(host={shown.get('host')!r}, dbname={shown.get('dbname')!r})"


@contextmanager
def keeping_connections() -> Iterator[None]:
    """While inside, this process keeps one idle connection per database, and takes a database that it has opened and
    that still answers for open. Databases that are dropped or copied meanwhile would be held up."""
    global _keeping
    before, _keeping = _keeping, True
    try:
        yield
    finally:
        _keeping = before
        if not before:
            OPENED.clear()
            while _idle:
                _idle.popitem()[1].close()


_keeping = False

_idle: dict[str, psycopg.Connection] = {}
"""Database URL → a connection that is in no transaction and waits for its next use."""

OPENED: dict[str, Database] = {}


def _taken(url: str) -> psycopg.Connection:
    """The connection that was kept, where it still answers, else a new one."""
    kept = _idle.pop(url, None)
    if kept is not None:
        try:
            kept.execute("SELECT 1")
            kept.rollback()
            return kept
        except psycopg.Error:
            kept.close()
    with without_password(url):
        return psycopg.connect(url, connect_timeout=10, application_name="fntx")


@contextmanager
def _handed_back(url: str, connection: psycopg.Connection) -> Iterator[None]:
    """One transaction. Then the connection is kept or closed; one that its user set to commit by itself may hold
    locks."""
    kept = False
    try:
        yield
        connection.commit()
        kept = _keeping and not connection.autocommit and _idle.setdefault(url, connection) is connection
    except BaseException:
        with suppress(psycopg.Error):
            connection.rollback()
        raise
    finally:
        if not kept:
            connection.close()


def is_keeping() -> bool:
    return _keeping
