"""What a probe of a server asks the databases: over one connection, for an answer within a second.

Nothing is started, made or migrated here: a probe says what is, and is asked every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import make_conninfo

from fntx_dagster.errors import Transient
from fntx_dagster.settings import Settings
from fntx_dagster.store.opening import DAGSTER_DATABASE, MAIN_DATABASE
from fntx_dagster.store.server import EmbeddedPostgres, database_url
from fntx_dagster.store.urls import libpq_url, without_password

_OPTIONS = {"connect_timeout": "2", "application_name": "fntx healthy", "options": "-c statement_timeout=1000"}
"""Two seconds are the least that libpq waits."""


def daemon_beats(settings: Settings) -> dict[str, float]:
    """Part of Dagster's daemon → seconds since it last said that it works, by the database's clock; none where it never
    ran. Transient where the storage does not answer."""
    with _asked(_dagster_url(settings)) as connection:
        if not _has(connection, "daemon_heartbeats"):
            return {}
        # written as UTC without its zone, by the clock of the daemon's machine
        rows = connection.execute(
            """select daemon_type, extract(epoch from clock_timestamp() at time zone 'utc' - timestamp)::float8
            from daemon_heartbeats"""
        )
        return {str(part): float(age) for part, age in rows}


def writer_beats(settings: Settings) -> dict[str, float]:
    """Task of those who write the stream → seconds since somebody said to do it. Transient where the database does not
    answer."""
    with _asked(_main_url(settings)) as connection:
        if not _has(connection, "live.heartbeats"):
            return {}
        rows = connection.execute(
            "select task, extract(epoch from clock_timestamp() - beat_at)::float8 from live.heartbeats"
        )
        return {str(task): float(age) for task, age in rows}


def both_answer(settings: Settings) -> None:
    """Return where the database and Dagster's storage answer; else Transient."""
    for url in (_main_url(settings), _dagster_url(settings)):
        with _asked(url) as connection:
            connection.execute("select 1")


@contextmanager
def _asked(url: str) -> Iterator[psycopg.Connection]:
    with without_password(url):
        asking = make_conninfo(url, **_OPTIONS)
        try:
            with psycopg.connect(asking, autocommit=True) as connection:
                yield connection
        except (psycopg.errors.QueryCanceled, psycopg.InterfaceError):
            raise Transient("the database does not answer within a second", "Look whether it is overloaded") from None


def _has(connection: psycopg.Connection, table: str) -> bool:
    row = connection.execute("select to_regclass(%s) is not null", (table,)).fetchone()
    return bool(row and row[0])


def _main_url(settings: Settings) -> str:
    if settings.database.url is not None:
        return libpq_url(settings.database.url.get_secret_value())
    return _embedded(settings, MAIN_DATABASE)


def _dagster_url(settings: Settings) -> str:
    if settings.dagster.database_url is not None:
        return libpq_url(settings.dagster.database_url.get_secret_value())
    if settings.database.url is not None:
        return make_conninfo(_main_url(settings), dbname=DAGSTER_DATABASE)
    return _embedded(settings, DAGSTER_DATABASE)


def _embedded(settings: Settings, name: str) -> str:
    server = EmbeddedPostgres(settings.paths.postgres)
    if not server.cluster.exists() or (url := server.url_if_running()) is None:
        raise Transient("the embedded database does not run", "`fntx status` starts it")
    return database_url(url, name)
