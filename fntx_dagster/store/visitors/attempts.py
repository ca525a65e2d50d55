"""Sign-ins that are tried: counted by name and by address before they are judged, so that many at once count too."""

from __future__ import annotations

from datetime import timedelta

from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_row, one_value

MOST, WINDOW = 5, timedelta(minutes=15)


def begin(db: Database, name: bytes, address: str) -> int | None:
    """Count an attempt, which stays unless it succeeds: its number, or None where there were five within 15 minutes for
    the name (its digest) or the address."""
    with db.connect() as connection:
        # in one order, whatever the two are: no two attempts wait for each other
        connection.execute(
            """select pg_advisory_xact_lock(key) from (
                select hashtextextended(text, 0) as key from unnest(%s::text[]) as text order by 1) keys""",
            ([f"visitors name {name.hex()}", f"visitors address {address}"],),
        )
        connection.execute("delete from visitors.attempts where at <= clock_timestamp() - %s", (WINDOW,))
        counts = connection.execute(
            """select (select count(*) from visitors.attempts where name_digest = %s),
                (select count(*) from visitors.attempts where address = %s)""",
            (name, address),
        )
        if max(one_row(counts)) >= MOST:
            return None
        return one_value(
            connection.execute(
                "insert into visitors.attempts (name_digest, address) values (%s, %s) returning attempt_id",
                (name, address),
            )
        )


def succeeded(db: Database, name: bytes, address: str) -> None:
    """Forget the attempts of a name from an address, once one has succeeded; those of others from there stay."""
    with db.connect() as connection:
        connection.execute("delete from visitors.attempts where name_digest = %s and address = %s", (name, address))
