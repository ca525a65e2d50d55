"""The database of the settings, for the faces: opening it, the embedded server, and what Dagster and dbt connect to.

Faces do not import `store`. They take `Database` from here as a value to hand to services, and read nothing through it.
"""

from __future__ import annotations

import shutil
from datetime import datetime

from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.opening import migrate_database, open_database, psql_command
from fntx_dagster.store.pool import is_quiet
from fntx_dagster.store.server import EmbeddedPostgres

__all__ = [
    "Database",
    "Readable",
    "answers_now",
    "delete_server",
    "is_quiet",
    "migrate_database",
    "open_database",
    "psql_command",
    "server_start",
    "stop_server",
]


def answers_now(db: Database) -> None:
    """Return where the database answers. Raises Transient where it does not."""
    db.server_start()


def server_start(settings: Settings) -> datetime:
    """When the server of the settings started; another time than before says that it ended meanwhile. The embedded one
    is started where it does not run. Raises Transient where the server cannot be reached."""
    return open_database(settings).server_start()


def stop_server(settings: Settings) -> bool:
    """Stop the embedded server; the next command that needs it starts it again. Returns False where none runs."""
    return EmbeddedPostgres(settings.paths.postgres).stop()


def delete_server(settings: Settings) -> None:
    """Stop the embedded server and delete its files, wherever they lie."""
    server = EmbeddedPostgres(settings.paths.postgres)
    server.stop()
    shutil.rmtree(server.place, ignore_errors=True)
