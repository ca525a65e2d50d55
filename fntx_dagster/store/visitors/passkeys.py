"""Passkeys of users, and the challenges that browsers sign with them, each once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.visitors import sessions
from fntx_dagster.store.visitors.audit import note
from fntx_dagster.store.visitors.sessions import SessionProof

_CHALLENGE_LASTS = timedelta(minutes=5)
_MOST_CHALLENGES = 10_000
MOST_OF_A_USER = 20


class PasskeyRow(NamedTuple):
    """A passkey as it is kept; the key is public."""

    passkey_id: int
    credential_id: bytes
    user_id: str
    handle: bytes
    """What the passkey calls its user."""
    public_key: bytes
    sign_count: int
    name: str
    made_at: datetime
    used_at: datetime | None


def make_challenge(db: Database, digest: bytes, session_id: int | None) -> None:
    """Keep a challenge: of a sign-in, or of a passkey that a session adds. Beyond ten thousand the oldest go."""
    with db.connect() as connection:
        connection.execute(
            """delete from visitors.challenges where ends_at <= clock_timestamp() or digest in (
                select digest from visitors.challenges order by ends_at desc offset %s)""",
            (_MOST_CHALLENGES,),
        )
        connection.execute(
            "insert into visitors.challenges (digest, session_id, ends_at) values (%s, %s, clock_timestamp() + %s)",
            (digest, session_id, _CHALLENGE_LASTS),
        )


def use_challenge(db: Database, digest: bytes, session_id: int | None) -> bool:
    """Use a challenge up; False where it is unknown, used, over, or another session's."""
    with db.connect() as connection:
        used = connection.execute(
            """delete from visitors.challenges
            where digest = %s and session_id is not distinct from %s and ends_at > clock_timestamp()""",
            (digest, session_id),
        )
        return bool(used.rowcount)


def handle_of(db: Readable, user_id: str) -> bytes | None:
    """What a user's passkeys call him; None where there is no such user."""
    with db.connect() as connection:
        row = connection.execute("select handle from visitors.users where user_id = %s", (user_id,)).fetchone()
        return row[0] if row else None


def of_user(db: Readable, user_id: str) -> list[PasskeyRow]:
    """A user's passkeys, oldest first."""
    return _rows(db, "user_id", user_id)


def find(db: Readable, credential_id: bytes) -> PasskeyRow | None:
    """The passkey of an id."""
    return next(iter(_rows(db, "credential_id", credential_id)), None)


def add(db: Database, user_id: str, credential_id: bytes, public_key: bytes, sign_count: int, name: str) -> bool:
    """Keep a new passkey; False where its id is known, or the user has twenty."""
    with db.connect() as connection:
        added = connection.execute(
            """insert into visitors.passkeys (credential_id, user_id, public_key, sign_count, name)
            select %s, user_id, %s, %s, %s from visitors.users
            where user_id = %s and (select count(*) from visitors.passkeys where user_id = %s) < %s
            on conflict (credential_id) do nothing""",
            (credential_id, public_key, sign_count, name, user_id, user_id, MOST_OF_A_USER),
        ).rowcount
        if added:
            note(connection, "passkey added", user_id, user_id, detail=name)
        return bool(added)


def remove(db: Database, user_id: str, passkey_id: int) -> bool:
    """Remove a user's passkey; False where he has no such."""
    with db.connect() as connection:
        row = connection.execute(
            "delete from visitors.passkeys where user_id = %s and passkey_id = %s returning name",
            (user_id, passkey_id),
        ).fetchone()
        if row is not None:
            note(connection, "passkey removed", user_id, user_id, detail=row[0])
        return row is not None


def begin_by_passkey(
    db: Database, passkey: PasskeyRow, sign_count: int, digest: bytes, proved: SessionProof, before: bytes | None
) -> bool:
    """Begin the session of a passkey that has signed, and keep its new count; False where it was removed or used
    meanwhile."""
    with db.connect() as connection:
        used = connection.execute(
            """update visitors.passkeys set sign_count = %s, used_at = clock_timestamp()
            where passkey_id = %s and sign_count = %s""",
            (sign_count, passkey.passkey_id, passkey.sign_count),
        )
        if not used.rowcount:
            return False
        sessions.begin(connection, passkey.user_id, digest, proved, before)
        return True


def _rows(db: Readable, which: LiteralString, value: object) -> list[PasskeyRow]:
    with db.connect() as connection, connection.cursor(row_factory=args_row(PasskeyRow)) as cursor:
        return cursor.execute(
            f"""select passkey_id, credential_id, user_id, handle, public_key, sign_count, name, p.made_at, used_at
            from visitors.passkeys p join visitors.users using (user_id) where {which} = %s order by passkey_id""",
            (value,),
        ).fetchall()
