"""An old service's database for a test, filled with simulated rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import psycopg
from psycopg import sql

from fntx_dagster.simulate.old_service import TABLES, OldService
from fntx_dagster.store.database import Database
from fntx_dagster.store.server import database_url

_numbers = count()


@contextmanager
def filled(server: str, service: OldService) -> Iterator[Database]:
    """A database of its own with the service's rows, as long as it is used."""
    name = f"old_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    old = Database(database_url(server, name))
    with old.connect() as connection:
        connection.execute(TABLES)
        for table, rows in service.rows.items():
            with connection.cursor().copy(sql.SQL("copy {} from stdin").format(sql.Identifier(table))) as copy:
                for row in rows:
                    copy.write_row(row)
    yield old
    old.close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
