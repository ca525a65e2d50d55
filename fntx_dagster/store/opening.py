"""Opens the database of the settings, by URL or embedded, and says what Dagster and dbt connect to."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.database import OPENED, Database, is_keeping
from fntx_dagster.store.migrating import migrate
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from fntx_dagster.store.urls import libpq_url, sqlalchemy_url, without_password

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings


MAIN_DATABASE = "fntx"

DAGSTER_DATABASE = "dagster"


def open_database(settings: Settings) -> Database:
    """The database of the settings, running and migrated; the embedded server is started when no URL is set."""
    given = settings.database_url
    key = given.get_secret_value() if given else str(settings.paths.postgres)
    known = OPENED.get(key)
    if known and _is_there(known):
        return known
    database = Database(libpq_url(given.get_secret_value())) if given else _embedded(settings, MAIN_DATABASE)
    migrate(database)
    if is_keeping():
        OPENED[key] = database
    return database


def dagster_storage_url(settings: Settings) -> str:
    """The URL of Dagster's own storage in SQLAlchemy's form; it holds the password, so hand it on and do not show it.

    The driver is named because SQLAlchemy 2.1 takes psycopg 3 for a plain `postgresql://`, which dagster-postgres
    cannot use.
    """
    if settings.dagster_database_url is not None:
        url = libpq_url(settings.dagster_database_url.get_secret_value())
    elif settings.database_url is not None:
        main = libpq_url(settings.database_url.get_secret_value())
        url = make_conninfo(main, dbname=DAGSTER_DATABASE)
        _create_dagster_database(main)
    else:
        # its log of events is a view: what counts stands in our own tables, and no commit of theirs is put off
        url = make_conninfo(_embedded(settings, DAGSTER_DATABASE).url, options=_LAZY)
    return sqlalchemy_url(url, "psycopg2")


_LAZY = "-c synchronous_commit=off"
"""A server that is cut off may lose the last half second; a commit does not wait for the disk."""


def database_name(settings: Settings) -> str:
    """The name of the database, without connecting to it: dbt bakes it into what it parses."""
    if settings.database_url is None:
        return MAIN_DATABASE
    url = libpq_url(settings.database_url.get_secret_value())
    with without_password(url):
        return str(conninfo_to_dict(url).get("dbname", ""))


def dbt_connection(settings: Settings) -> dict[str, Any]:
    """What dbt's profile needs: host (of the embedded server: the socket's folder), port, user, password, dbname."""
    database = open_database(settings)
    with database.connect() as connection:
        info = connection.info
        found = {
            "host": info.host,
            "port": info.port,
            "user": info.user,
            "password": info.password,
            "dbname": info.dbname,
        }
    ssl = {name: value for name, value in conninfo_to_dict(database.url).items() if name.startswith("ssl")}
    return found | ssl


def _is_there(database: Database) -> bool:
    with suppress(Transient), database.connect():
        return True
    return False


def _embedded(settings: Settings, name: str) -> Database:
    url = EmbeddedPostgres(settings.paths.postgres).start()
    with without_password(url), psycopg.connect(url, autocommit=True, application_name="fntx") as connection:
        present = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for missing in {MAIN_DATABASE, DAGSTER_DATABASE} - present:
            _create(connection, missing)
    return Database(database_url(url, name))


def _create(connection: psycopg.Connection, name: str) -> None:
    # Another process may be first.
    with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _create_dagster_database(main: str) -> None:
    with (
        without_password(main),
        psycopg.connect(main, autocommit=True, connect_timeout=10, application_name="fntx") as connection,
    ):
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DAGSTER_DATABASE]).fetchone():
            return
        try:
            _create(connection, DAGSTER_DATABASE)
        except psycopg.errors.InsufficientPrivilege:
            raise Permanent(
                f"the server has no database `{DAGSTER_DATABASE}`, and this user may not create it",
                "Create it, or set FNTX_DAGSTER_DATABASE_URL to the one Dagster shall use",
            ) from None
