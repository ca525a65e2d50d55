"""Users of the dashboard: their roles, the accounts granted to them, and the hash of their password.

A change of what somebody may see ends his sessions in the same transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.visitors.audit import note

UserLog = Callable[[psycopg.Connection, str, bytes, str], None]
"""Writes a change down in its transaction, last of all: what changed, the user's handle, his new role or nothing."""


def unlogged(connection: psycopg.Connection, change: str, handle: bytes, role: str) -> None:
    """Nobody hears of it but the log of visitors."""


class UserRow(NamedTuple):
    """A user as he is kept. `accounts`: those that were granted to him."""

    user_id: str
    role: str
    accounts: list[str]
    has_password: bool
    passkeys: int
    sessions: int
    made_at: datetime


def any_user(db: Readable) -> bool:
    """Whether there are users; without them the dashboard is its owner's, on his own machine."""
    with db.connect() as connection:
        return connection.execute("select from visitors.users limit 1").fetchone() is not None


def listed(db: Readable) -> list[UserRow]:
    """All users, by name."""
    with db.connect() as connection, connection.cursor(row_factory=args_row(UserRow)) as cursor:
        return cursor.execute(
            """select user_id, role,
                array(select account_id from visitors.grants where user_id = u.user_id order by 1),
                password is not null, (select count(*) from visitors.passkeys where user_id = u.user_id),
                (select count(*) from visitors.sessions where user_id = u.user_id and ends_at > clock_timestamp()),
                made_at
            from visitors.users u order by user_id"""
        ).fetchall()


def add(
    db: Database, user_id: str, role: str, accounts: Sequence[str], handle: bytes, actor: str, log: UserLog = unlogged
) -> bool:
    """Add a user; False where the name is taken. The first one ends the sessions and links of a machine without any."""
    with db.connect() as connection:
        added = connection.execute(
            """insert into visitors.users (user_id, role, handle) values (%s, %s, %s)
            on conflict (user_id) do nothing""",
            (user_id, role, handle),
        ).rowcount
        if not added:
            return False
        connection.execute("delete from visitors.sessions where user_id is null")
        connection.execute("delete from visitors.links where user_id is null")
        note(connection, "user added", user_id, actor, detail=role)
        for account in accounts:
            connection.execute(
                "insert into visitors.grants (user_id, account_id) values (%s, %s) on conflict do nothing",
                (user_id, account),
            )
            note(connection, "account granted", user_id, actor, detail=account)
        log(connection, "user added", handle, role)
        return True


def remove(db: Database, user_id: str, actor: str, log: UserLog = unlogged) -> bool:
    """Remove a user with all that is his; False where there is none. The log keeps his name."""
    with db.connect() as connection:
        removed = connection.execute(
            "delete from visitors.users where user_id = %s returning handle", (user_id,)
        ).fetchone()
        if removed:
            note(connection, "user removed", user_id, actor)
            log(connection, "user removed", removed[0], "")
        return removed is not None


def set_role(db: Database, user_id: str, role: str, actor: str, log: UserLog = unlogged) -> bool:
    """Give a user another role, and end his sessions; False where there is none, or he has the role."""
    with db.connect() as connection:
        changed = connection.execute(
            "update visitors.users set role = %s where user_id = %s and role <> %s returning handle",
            (role, user_id, role),
        ).fetchone()
        if changed:
            connection.execute("delete from visitors.sessions where user_id = %s", (user_id,))
            note(connection, "role changed", user_id, actor, detail=role)
            log(connection, "role changed", changed[0], role)
        return changed is not None


def grant(db: Database, user_id: str, account: str, actor: str, log: UserLog = unlogged) -> bool:
    """Let a user see an account; False where he does already. The user has to be there."""
    with db.connect() as connection:
        changed = connection.execute(
            "insert into visitors.grants (user_id, account_id) values (%s, %s) on conflict do nothing",
            (user_id, account),
        ).rowcount
        if changed:
            note(connection, "account granted", user_id, actor, detail=account)
            log(connection, "account granted", _handle(connection, user_id), "")
        return bool(changed)


def revoke(db: Database, user_id: str, account: str, actor: str, log: UserLog = unlogged) -> bool:
    """Take an account from a user, and end his sessions; False where it was not granted to him."""
    with db.connect() as connection:
        changed = connection.execute(
            "delete from visitors.grants where user_id = %s and account_id = %s", (user_id, account)
        ).rowcount
        if changed:
            connection.execute("delete from visitors.sessions where user_id = %s", (user_id,))
            note(connection, "account revoked", user_id, actor, detail=account)
            log(connection, "account revoked", _handle(connection, user_id), "")
        return bool(changed)


def exists(db: Readable, user_id: str) -> bool:
    """Whether there is such a user."""
    with db.connect() as connection:
        return connection.execute("select from visitors.users where user_id = %s", (user_id,)).fetchone() is not None


def password_of(db: Readable, user_id: str) -> str | None:
    """The hash of a user's password; None where he has none, or there is no such user."""
    with db.connect() as connection:
        row = connection.execute("select password from visitors.users where user_id = %s", (user_id,)).fetchone()
        return row[0] if row else None


def set_password(db: Database, user_id: str, password: str, actor: str, keep: int | None = None) -> bool:
    """Keep the hash of a new password, and end the user's sessions but the one that sets it (`keep`); False where there
    is no such user."""
    with db.connect() as connection:
        changed = connection.execute(
            "update visitors.users set password = %s where user_id = %s", (password, user_id)
        ).rowcount
        if changed:
            connection.execute(
                "delete from visitors.sessions where user_id = %s and session_id is distinct from %s", (user_id, keep)
            )
            note(connection, "password set", user_id, actor)
        return bool(changed)


def rehash(db: Database, user_id: str, before: str, after: str) -> None:
    """Keep the same password under newer parameters."""
    with db.connect() as connection:
        connection.execute(
            "update visitors.users set password = %s where user_id = %s and password = %s", (after, user_id, before)
        )


def _handle(connection: psycopg.Connection, user_id: str) -> bytes:
    return one_value(connection.execute("select handle from visitors.users where user_id = %s", (user_id,)))
