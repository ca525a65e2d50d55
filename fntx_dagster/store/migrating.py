"""Bringing a database to this program's version: the migrations, run in one transaction under a lock.

A release's migrations add, and the next release's remove, so that the release before works on with the new tables
while its processes are replaced. The database says the oldest program that works with it.
"""

from __future__ import annotations

import logging
from functools import cache
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import psycopg

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.database import Database
from fntx_dagster.store.urls import first_line, sqlalchemy_url

OLDEST_SERVER = 150000

MIGRATIONS = Path(__file__).parent / "migrations"

_MIGRATION_LOCK = 0x666E7478_0001
"""Advisory lock key: one migration at a time, whoever starts it."""


@cache
def _latest_version() -> str:
    return max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


OLDEST_PROGRAM = "0063"
"""A program that knows the tables of this version, or of a later one, works with today's. It is raised when a migration
takes away or renames what such a program uses."""
_LOCK_SECONDS, _TRIES = 5, 24
"""How long a migration waits for a table that is in use, before it lets the others go on and tries again."""


class Migration(NamedTuple):
    """The version of the tables before and after; an empty text where there were none."""

    before: str
    after: str


def migrate(database: Database, *, is_asked: bool = True) -> Migration:
    """Bring the database to this program's version. Unless `is_asked`, only one without tables: Transient where it is
    older, because an upgrade begins when a person says so. Permanent when it is at a version that this program cannot
    work with."""
    with database.connect() as connection:
        version, server = _version(connection), connection.info.server_version
        oldest = _oldest_program(connection) if version > _latest_version() else ""
    if server < OLDEST_SERVER:
        raise Permanent(f"the database is a PostgreSQL {server // 10000}", f"Use {OLDEST_SERVER // 10000} or newer")
    if version > _latest_version():
        if not oldest or _latest_version() < oldest:
            raise Permanent(
                f"the database is at version {version}, this program knows {_latest_version()}",
                "Install the newer program that migrated it, or use another database",
            )
        return Migration(version, version)
    if version == _latest_version():
        return Migration(version, version)
    if version and not is_asked:
        raise Transient(
            f"the database is at version {version}, this program needs {_latest_version()}",
            "Make a backup, then run `fntx migrate`; what waits goes on by itself",
        )
    _run_migrations(database)
    return Migration(version, _latest_version())


def _oldest_program(connection: psycopg.Connection) -> str:
    """The oldest program that works with a database; empty where it does not say so."""
    if connection.execute("select to_regclass('raw_flex.oldest_program')").fetchone() == (None,):
        return ""
    row = connection.execute("select version_num from raw_flex.oldest_program").fetchone()
    return row[0] if row else ""


def _version(connection: psycopg.Connection) -> str:
    try:
        row = connection.execute("select version_num from raw_flex.schema_version").fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        connection.rollback()
        return ""
    return row[0] if row else ""


def _run_migrations(database: Database) -> None:
    """Run what is missing in one transaction; others who start meanwhile wait, then find it done."""
    # Before the import: alembic announces its plugins when it is loaded.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    config = Config(stdout=StringIO())
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engine = create_engine(sqlalchemy_url(database.url, "psycopg"), poolclass=NullPool)
    for is_last in (*(False for _ in range(_TRIES - 1)), True):
        try:
            with engine.begin() as connection:
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
                connection.execute(text(f"set local lock_timeout = '{_LOCK_SECONDS}s'"))
                connection.execute(text("create schema if not exists raw_flex"))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
                if connection.execute(text("select to_regclass('raw_flex.oldest_program')")).scalar():
                    connection.execute(
                        text("update raw_flex.oldest_program set version_num = :v"), {"v": OLDEST_PROGRAM}
                    )
            return
        except DBAPIError as error:
            if isinstance(error.orig, psycopg.errors.LockNotAvailable):
                if not is_last:
                    continue
                raise Transient(
                    "the database was not migrated: its tables are in use by something that does not end",
                    "Nothing was changed. End long queries and runs, then try again",
                ) from error
            kind = Transient if error.connection_invalidated else Permanent
            raise kind(
                f"cannot migrate the database ({first_line(error.orig or error)})",
                "Nothing was changed. The user must own the database, or may be granted CREATE on it",
            ) from error
