"""The database of the settings, for the faces: opening it, the embedded server, and what Dagster and dbt connect to.

Faces do not import `store`. They take `Database` from here as a value to hand to services, and read nothing through it.
"""

from __future__ import annotations

import shutil

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.opening import dagster_storage_url, database_name, dbt_connection, open_database
from fntx_dagster.store.server import EmbeddedPostgres

__all__ = [
    "Database",
    "dagster_storage_url",
    "database_name",
    "dbt_connection",
    "delete_server",
    "open_database",
    "server_is_running",
    "start_server",
    "stop_server",
]


def start_server(settings: Settings) -> None:
    """Start the embedded server of the home where it does not run. Raises Transient when it does not come up, and
    Permanent when it cannot."""
    EmbeddedPostgres(settings.paths.postgres).start()


def stop_server(settings: Settings) -> bool:
    """Stop the embedded server; the next command that needs it starts it again. Returns False where none answered."""
    server = EmbeddedPostgres(settings.paths.postgres)
    return server.running() and server.stop()


def server_is_running(settings: Settings) -> bool:
    """Whether the embedded server of the home answers a query."""
    return EmbeddedPostgres(settings.paths.postgres).running()


def delete_server(settings: Settings) -> None:
    """Stop the embedded server and delete its files, wherever they lie."""
    server = EmbeddedPostgres(settings.paths.postgres)
    server.stop()
    shutil.rmtree(server.place, ignore_errors=True)
