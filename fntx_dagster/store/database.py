"""Which database, and connections to it: the embedded server or a URL, its databases, and its migrations.

Rows are read and written in the other modules of this room, through `Database.connect`. A password is never part of an
error, and opening a database that is up to date costs one SELECT. A run, which asks some hundred times, keeps a
connection for the next question: `keeping_connections`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.server import EmbeddedPostgres, database_url

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings

MAIN_DATABASE = "fntx"
DAGSTER_DATABASE = "dagster"

OLDEST_SERVER = 150000
MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x666E7478_0001
"""Advisory lock key: one migration at a time, whoever starts it."""


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
                f"the database lacks a table of this program ({_first_line(error)})",
                "What dbt builds is made anew by `fntx run`; anything else comes back from a backup, or in a new home",
            ) from error
        except psycopg.OperationalError as error:
            if not connection.broken:
                raise
            raise Transient(f"the connection to the database was lost ({_first_line(error)})", _TRY_AGAIN) from error

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
            _opened.clear()
            while _idle:
                _idle.popitem()[1].close()


def open_database(settings: Settings) -> Database:
    """The database of the settings, running and migrated; the embedded server is started when no URL is set."""
    given = settings.database_url
    key = given.get_secret_value() if given else str(settings.paths.postgres)
    known = _opened.get(key)
    if known and _is_there(known):
        return known
    database = Database(_libpq_url(given.get_secret_value())) if given else _embedded(settings, MAIN_DATABASE)
    migrate(database)
    if _keeping:
        _opened[key] = database
    return database


def dagster_storage_url(settings: Settings) -> str:
    """The URL of Dagster's own storage in SQLAlchemy's form; it holds the password, so hand it on and do not show it.

    The driver is named because SQLAlchemy 2.1 takes psycopg 3 for a plain `postgresql://`, which dagster-postgres
    cannot use.
    """
    if settings.dagster_database_url is not None:
        url = _libpq_url(settings.dagster_database_url.get_secret_value())
    elif settings.database_url is not None:
        main = _libpq_url(settings.database_url.get_secret_value())
        url = make_conninfo(main, dbname=DAGSTER_DATABASE)
        _create_dagster_database(main)
    else:
        # its log of events is a view: what counts stands in our own tables, and no commit of theirs is put off
        url = make_conninfo(_embedded(settings, DAGSTER_DATABASE).url, options=_LAZY)
    return _sqlalchemy_url(url, "psycopg2")


_LAZY = "-c synchronous_commit=off"
"""A server that is cut off may lose the last half second; a commit does not wait for the disk."""


def database_name(settings: Settings) -> str:
    """The name of the database, without connecting to it: dbt bakes it into what it parses."""
    if settings.database_url is None:
        return MAIN_DATABASE
    url = _libpq_url(settings.database_url.get_secret_value())
    with _words_without_password(url):
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


# -- connections that are kept --------------------------------------------------------------------------------------

_keeping = False
_idle: dict[str, psycopg.Connection] = {}
"""Database URL → a connection that is in no transaction and waits for its next use."""
_opened: dict[str, Database] = {}


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
    with _words_without_password(url):
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


def _is_there(database: Database) -> bool:
    with suppress(Transient), database.connect():
        return True
    return False


# -- databases of a server ------------------------------------------------------------------------------------------


def _embedded(settings: Settings, name: str) -> Database:
    url = EmbeddedPostgres(settings.paths.postgres).start()
    with _words_without_password(url), psycopg.connect(url, autocommit=True, application_name="fntx") as connection:
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
        _words_without_password(main),
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


# -- URLs and errors ------------------------------------------------------------------------------------------------

_TRY_AGAIN = "Check that the server runs and that FNTX_DATABASE_URL is right, then try again"


def _libpq_url(url: str) -> str:
    """The form libpq reads, of a URL that may name an SQLAlchemy driver."""
    return re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.strip())


def _sqlalchemy_url(url: str, driver: str) -> str:
    with _words_without_password(url):
        parts = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
    user, password, database = (quote(parts.pop(name, ""), safe="") for name in ("user", "password", "dbname"))
    login = f"{user}:{password}" if password else user
    return f"postgresql+{driver}://{login}@/{database}?{urlencode(parts, safe='/')}"


@contextmanager
def _words_without_password(url: str) -> Iterator[None]:
    """Turn psycopg's connection errors into ours; no text that may hold the URL's password goes through."""
    try:
        yield
    except psycopg.OperationalError as error:
        text = _first_line(error)
        if password := conninfo_to_dict(url).get("password"):
            text = text.replace(str(password), "***")
        host = str(conninfo_to_dict(url).get("host") or "")
        if "@" in host:  # the rest of a password that was not percent-encoded
            text = text.replace(host, "***@" + host.rpartition("@")[2])
        raise Transient(f"cannot connect to the database ({text})", _TRY_AGAIN) from None
    except psycopg.ProgrammingError:
        raise Permanent(
            "the database URL cannot be read",
            "Write it as postgresql://user:password@host:5432/database, with special characters percent-encoded",
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# -- migrations -----------------------------------------------------------------------------------------------------


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
        row = connection.execute("SELECT version_num FROM raw_flex.schema_version").fetchone()
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
    engine = create_engine(_sqlalchemy_url(database.url, "psycopg"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text("CREATE SCHEMA IF NOT EXISTS raw_flex"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        kind = Transient if error.connection_invalidated else Permanent
        raise kind(
            f"cannot migrate the database ({_first_line(error.orig or error)})",
            "Nothing was changed. The user must own the database, or may be granted CREATE on it",
        ) from error
