"""Opens the database of the settings, by URL or embedded, and gives what Dagster and dbt connect to."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fntx_dagster.errors import Permanent, Transient, know_accounts
from fntx_dagster.store.database import Database
from fntx_dagster.store.migrating import Migration, migrate
from fntx_dagster.store.raw_flex.overview import accounts
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from fntx_dagster.store.server_user import wheel_binaries
from fntx_dagster.store.urls import libpq_url, sqlalchemy_url, without_password

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings


MAIN_DATABASE = "fntx"

DAGSTER_DATABASE = "dagster"


def open_database(settings: Settings) -> Database:
    """The database of the settings, running and migrated; the embedded server is started when no URL is set. What this
    process logs from here on masks its accounts."""
    database = _migrated(settings)
    know_accounts(accounts(database))
    return database


def _migrated(settings: Settings) -> Database:
    size = settings.database.connections
    if settings.database.url is not None:
        database = Database(libpq_url(settings.database.url.get_secret_value()), size)
        migrate(database, is_asked=False)
        return database
    database = Database(_embedded_url(settings.paths.postgres), size)
    try:
        migrate(database)
    except Transient:  # the server was stopped since
        _embedded_url.cache_clear()
        database = Database(_embedded_url(settings.paths.postgres), size)
        migrate(database)
    return database


def migrate_database(settings: Settings) -> Migration:
    """Bring the database of the settings to this program's version, also one by URL that holds something."""
    if settings.database.url is None:
        return migrate(Database(_embedded_url(settings.paths.postgres), settings.database.connections))
    return migrate(Database(libpq_url(settings.database.url.get_secret_value()), settings.database.connections))


def database_to_restore(settings: Settings) -> str:
    """The URL of the database of the settings, not migrated, so that a backup can be restored into it; it holds the
    password. The embedded server is started."""
    if settings.database.url is not None:
        return libpq_url(settings.database.url.get_secret_value())
    return _embedded_url(settings.paths.postgres)


def running_database(settings: Settings) -> Database | None:
    """As `open_database`, but no server is started: None where the embedded one was never made, Transient where it does
    not run."""
    if settings.database.url is None:
        server = EmbeddedPostgres(settings.paths.postgres)
        if not server.cluster.exists():
            return None
        if not server.running():
            raise Transient("the embedded database does not run", "`fntx status` starts it; then try again")
    return open_database(settings)


def dagster_storage_url(settings: Settings) -> str:
    """The URL of Dagster's own storage in SQLAlchemy's form; it holds the password, so hand it on and do not show it.

    The driver is named because SQLAlchemy 2.1 takes psycopg 3 for a plain `postgresql://`, which dagster-postgres
    cannot use.
    """
    return sqlalchemy_url(dagster_database_url(settings), "psycopg2")


def dagster_storage_answers(settings: Settings) -> None:
    """Connect to Dagster's own storage; Transient where it cannot be reached."""
    url = dagster_database_url(settings)
    with without_password(url):
        psycopg.connect(url, connect_timeout=10, application_name="fntx").close()


def dagster_database_url(settings: Settings) -> str:
    """The URL of the database of Dagster's storage in libpq's form; it holds the password. The database is made where
    it is missing, and the embedded server is started."""
    if settings.dagster.database_url is not None:
        return libpq_url(settings.dagster.database_url.get_secret_value())
    if settings.database.url is not None:
        main = libpq_url(settings.database.url.get_secret_value())
        _create_dagster_database(main)
        return make_conninfo(main, dbname=DAGSTER_DATABASE)
    # its log of events may lose its end: what counts is in our own tables, whose commits do wait
    return make_conninfo(database_url(_started(settings.paths.postgres), DAGSTER_DATABASE), options=_LAZY)


_LAZY = "-c synchronous_commit=off"
"""A server that is cut off may lose the last half second; a commit does not wait for the disk."""


def database_name(settings: Settings) -> str:
    """The name of the database, without connecting to it: dbt bakes it into what it parses."""
    if settings.database.url is None:
        return MAIN_DATABASE
    url = libpq_url(settings.database.url.get_secret_value())
    with without_password(url):
        return str(conninfo_to_dict(url).get("dbname", ""))


def dbt_connection(settings: Settings) -> dict[str, Any]:
    """What dbt's profile needs: host (of the embedded server: the socket's folder), port, user, password, dbname."""
    database = open_database(settings)
    with database.connect() as connection:
        info = connection.info
        parameters = {
            "host": info.host,
            "port": info.port,
            "user": info.user,
            "password": info.password,
            "dbname": info.dbname,
        }
    ssl = {name: value for name, value in conninfo_to_dict(database.url).items() if name.startswith("ssl")}
    return parameters | ssl


def psql_command(settings: Settings) -> tuple[list[str], dict[str, str]]:
    """psql on the database of the settings: the command, and the variables that it needs, which hold the password. The
    embedded server's comes with its wheel, as the tables' owner; for another server it is the one on the PATH."""
    database = open_database(settings)
    parts = conninfo_to_dict(database.url)
    password = parts.pop("password", None)
    program = str(wheel_binaries() / "psql") if settings.database.url is None else "psql"
    return [program, make_conninfo("", **parts)], {"PGPASSWORD": str(password)} if password else {}


@cache
def _embedded_url(folder: Path) -> str:
    """The URL of the embedded server's main database; the server is looked for once in a process."""
    return database_url(_started(folder), MAIN_DATABASE)


def _started(folder: Path) -> str:
    """The URL of the embedded server, which runs and has both databases."""
    url = EmbeddedPostgres(folder).start()
    with without_password(url), psycopg.connect(url, autocommit=True, application_name="fntx") as connection:
        present = {name for (name,) in connection.execute("select datname from pg_database")}
        for missing in {MAIN_DATABASE, DAGSTER_DATABASE} - present:
            _create(connection, missing)
    return url


def _create(connection: psycopg.Connection, name: str) -> None:
    # Another process may be first.
    with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))


def _create_dagster_database(main: str) -> None:
    with (
        without_password(main),
        psycopg.connect(main, autocommit=True, connect_timeout=10, application_name="fntx") as connection,
    ):
        if connection.execute("select 1 from pg_database where datname = %s", [DAGSTER_DATABASE]).fetchone():
            return
        try:
            _create(connection, DAGSTER_DATABASE)
        except psycopg.errors.InsufficientPrivilege:
            raise Permanent(
                f"the server has no database `{DAGSTER_DATABASE}`, and this user may not create it",
                "Create it, or set FNTX_DAGSTER_DATABASE_URL to the one that Dagster uses",
            ) from None
