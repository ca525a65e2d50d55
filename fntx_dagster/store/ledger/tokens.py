"""The API's tokens: only their SHA-256 is stored, so that nobody who reads the table can use one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import args_row, namedtuple_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns


class TokenRow(NamedTuple):
    """A token as it is kept: whose, what it may do, and until when."""

    token_id: int
    user_id: str
    role: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


TokenLog = Callable[[psycopg.Connection, str, TokenRow], None]
"""Writes a change down in its transaction, last of all: what changed, and the token as it is kept then."""


def unlogged(connection: psycopg.Connection, change: str, row: TokenRow) -> None:
    """It is written down nowhere."""


def add(
    db: Database,
    digest: bytes,
    user_id: str,
    role: str,
    scopes: list[str],
    expires_at: datetime | None,
    log: TokenLog = unlogged,
) -> int:
    """Keep a token's digest; its number."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(TokenRow)) as cursor:
        row = cursor.execute(
            f"""insert into ledger.tokens (token_hash, user_id, role, scopes, expires_at)
            values (%s, %s, %s, %s, %s) returning {columns(TokenRow._fields)}""",
            (digest, user_id, role, scopes, expires_at),
        ).fetchone()
        assert row  # an insert of one row returns it
        log(connection, "token made", row)
    return row.token_id


def find(db: Readable, digest: bytes) -> TokenRow | None:
    """The token of a digest, whether it is still good or not."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        row = cursor.execute(
            f"select {columns(TokenRow._fields)} from ledger.tokens where token_hash = %s",
            (digest,),
        ).fetchone()
        return TokenRow._make(row) if row else None


def listed(db: Readable) -> list[TokenRow]:
    """All tokens, newest first."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(f"select {columns(TokenRow._fields)} from ledger.tokens order by token_id desc")
        return [TokenRow._make(row) for row in cursor]


def revoke(db: Database, token_id: int, log: TokenLog = unlogged) -> bool:
    """Let a token end now; False where there is none, or it has ended already."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(TokenRow)) as cursor:
        row = cursor.execute(
            f"""update ledger.tokens set revoked_at = now() where token_id = %s and revoked_at is null
            returning {columns(TokenRow._fields)}""",
            (token_id,),
        ).fetchone()
        if row is not None:
            log(connection, "token revoked", row)
        return row is not None
