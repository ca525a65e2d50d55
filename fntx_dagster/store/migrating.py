"""Bringing a database to this program's version: the migrations, run in one transaction under a lock."""

from __future__ import annotations

import logging
from functools import cache
from io import StringIO
from pathlib import Path

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


def migrate(database: Database) -> None:
    """Bring the database to this program's version; Permanent when it is at a newer one."""
    with database.connect() as connection:
        version, server = _version(connection), connection.info.server_version
    if server < OLDEST_SERVER:
        raise Permanent(f"the database is a PostgreSQL {server // 10000}", f"Use {OLDEST_SERVER // 10000} or newer")
    if version > _latest_version():
        raise Permanent(
            f"the database is at version {version}, this program knows {_latest_version()}",
            "Install the newer program that migrated it, or use another database",
        )
    if version < _latest_version():
        _run_migrations(database)


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
    try:
        with engine.begin() as connection:
            connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text("create schema if not exists raw_flex"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        kind = Transient if error.connection_invalidated else Permanent
        raise kind(
            f"cannot migrate the database ({first_line(error.orig or error)})",
            "Nothing was changed. The user must own the database, or may be granted CREATE on it",
        ) from error
