"""What a server says of itself, for whoever looks whether it works."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from fntx_dagster.store.database import Readable


class ServerFacts(NamedTuple):
    """The server's version, the version of our tables, and the server's clock (UTC)."""

    version: str
    schema_version: str
    now: datetime


def server_facts(db: Readable) -> ServerFacts:
    """Ask the server. Raises what `connect` raises."""
    query = "select current_setting('server_version'), version_num, clock_timestamp() from raw_flex.schema_version"
    with db.connect() as connection:
        [(version, schema_version, now)] = connection.execute(query)
        return ServerFacts(version, schema_version, now)
