"""Executing what dbt has compiled: the statements that build a mart or look at its rows."""

from __future__ import annotations

from collections.abc import Iterable

import psycopg

from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database


def execute(db: Database, node: str, statements: Iterable[str]) -> int:
    """Execute the statements of a node in one transaction; the number of rows that the last one wrote, or that it
    counted. On all machines one transaction at a time has the node: the next one sees, and deletes, what it wrote.

    The commit does not wait for the disk: that a day is built is noted later, in a commit that does. Raises Permanent
    with the server's words where it refuses a statement, and what `Database.connect` raises.
    """
    try:
        with db.connect() as connection:
            cursor = connection.execute("set local synchronous_commit to off")
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"fntx mart {node}",))
            for statement in statements:
                cursor.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else cursor.rowcount
    except psycopg.Error as error:
        raise Permanent(f"{error}".strip(), "See the model of that name in dbt/models") from error
