"""Which limits of the settings the audit log was told of, wing by wing, by their digest."""

from __future__ import annotations

import psycopg


def note_digest(connection: psycopg.Connection, wing: str, digest: str) -> bool:
    """Keep that the log is told of limits with this digest, unless it was told of them last: False. Until the
    transaction ends nobody else notes any."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx noted settings', 0))")
    last = connection.execute(
        "select digest from treasury.noted_settings where wing = %s order by noted_id desc limit 1", (wing,)
    ).fetchone()
    if last is not None and last[0] == digest:
        return False
    connection.execute("insert into treasury.noted_settings (wing, digest) values (%s, %s)", (wing, digest))
    return True
