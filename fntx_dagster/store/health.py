"""What a server says of itself, for whoever looks whether it works."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from fntx_dagster.store.database import Readable


class ServerFacts(NamedTuple):
    """The server's version, the version of our tables, the server's clock (UTC), and the database's size in bytes."""

    version: str
    schema_version: str
    now: datetime
    size: int


def server_facts(db: Readable) -> ServerFacts:
    """Ask the server. Raises what `connect` raises."""
    query = """select current_setting('server_version'), version_num, clock_timestamp(),
        pg_database_size(current_database()) from raw_flex.schema_version"""
    with db.connect() as connection:
        [(version, schema_version, now, size)] = connection.execute(query)
        return ServerFacts(version, schema_version, now, size)
