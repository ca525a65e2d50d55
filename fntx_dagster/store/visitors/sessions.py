"""Sessions, and the links that begin them once. Of both only the SHA-256 is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import LiteralString, NamedTuple

import psycopg
from psycopg.rows import args_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.visitors.audit import note

LASTS, IDLE = timedelta(hours=12), timedelta(hours=1)
_MARKED_EACH = timedelta(minutes=1)
"""A session is marked as seen at most so often: a page is many requests."""
_THE_OWNER = "owner"
_ALIVE: LiteralString = """ends_at > clock_timestamp() and seen_at > clock_timestamp() - %(idle)s
    and (s.user_id is not null or not exists (select from visitors.users))"""


class SessionProof(NamedTuple):
    """How somebody proved who he is, and from where."""

    proof: str
    address: str
    browser: str


class SessionRow(NamedTuple):
    """A session as it is kept. `user_id` is None for the owner of a machine without users, and so is his role."""

    session_id: int
    user_id: str | None
    role: str | None
    accounts: list[str]
    proof: str
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


def begin(
    connection: psycopg.Connection, user_id: str | None, digest: bytes, proved: SessionProof, before: bytes | None
) -> int:
    """Begin a session in the caller's transaction, and end the one that the browser had before: its number."""
    if before:
        connection.execute("delete from visitors.sessions where digest = %s", (before,))
    connection.execute("delete from visitors.sessions where ends_at <= clock_timestamp()")
    number = one_value(
        connection.execute(
            """insert into visitors.sessions (digest, user_id, proof, address, browser, ends_at)
            values (%s, %s, %s, %s, %s, clock_timestamp() + %s) returning session_id""",
            (digest, user_id, *proved, LASTS),
        )
    )
    name = user_id or _THE_OWNER
    note(connection, "signed in", name, name, proof=proved.proof, address=proved.address, detail=proved.browser)
    return number


def begin_by_link(
    db: Database, link: bytes, digest: bytes, proved: SessionProof, before: bytes | None, *, of_machine: bool
) -> bool:
    """Use a link and begin its session: once, whoever else tries at the same time. `of_machine`: whether a link of a
    machine without users counts. False for a link that is unknown, used or over."""
    with db.connect() as connection:
        row = connection.execute(
            """update visitors.links set used_at = clock_timestamp()
            where digest = %s and used_at is null and ends_at > clock_timestamp()
                and (user_id is not null or (%s and not exists (select from visitors.users)))
            returning user_id""",
            (link, of_machine),
        ).fetchone()
        if row is None:
            return False
        begin(connection, row[0], digest, proved, before)
        return True


def begin_by_password(
    db: Database, user_id: str, password: str, digest: bytes, proved: SessionProof, before: bytes | None
) -> bool:
    """Begin the session of a user whose password was right; False where it (its hash) was changed meanwhile."""
    with db.connect() as connection:
        query = "select from visitors.users where user_id = %s and password = %s for share"
        if connection.execute(query, (user_id, password)).fetchone() is None:
            return False
        begin(connection, user_id, digest, proved, before)
        return True


def make_link(db: Database, user_id: str | None, digest: bytes, lasts: timedelta, actor: str) -> None:
    """Keep a new link of a user (None: of the owner of a machine without users), in place of his former ones."""
    with db.connect() as connection:
        connection.execute(
            """delete from visitors.links
            where user_id is not distinct from %s or ends_at <= clock_timestamp() - interval '1 day'""",
            (user_id,),
        )
        connection.execute(
            "insert into visitors.links (digest, user_id, ends_at) values (%s, %s, clock_timestamp() + %s)",
            (digest, user_id, lasts),
        )
        note(connection, "link made", user_id or _THE_OWNER, actor)


def find(db: Database, digest: bytes, *, marks: bool = True) -> SessionRow | None:
    """The session of a digest, marked as seen unless `marks` is False; None where it is unknown, idle or over."""
    with db.connect() as connection:
        [row] = _rows(connection, "digest = %(digest)s", digest=digest) or [None]
        if row is not None and marks:
            connection.execute(
                """update visitors.sessions set seen_at = clock_timestamp()
                where session_id = %s and seen_at < clock_timestamp() - %s""",
                (row.session_id, _MARKED_EACH),
            )
        return row


def is_alive(db: Readable, session_id: int) -> bool:
    """Whether a session has not ended; it is not marked as seen."""
    with db.connect() as connection:
        return bool(_rows(connection, "session_id = %(number)s", number=session_id))


def listed(db: Readable, user_id: str | None) -> list[SessionRow]:
    """The sessions that go on, newest first: of one user, or of the owner of a machine without users."""
    with db.connect() as connection:
        return _rows(connection, "s.user_id is not distinct from %(user)s", user=user_id)


def all_listed(db: Readable) -> list[SessionRow]:
    """The sessions of all that go on, newest first."""
    with db.connect() as connection:
        return _rows(connection, "true")


def end(db: Database, session_id: int, actor: str, *, of: str | None = None, only_his: bool = False) -> bool:
    """End a session; False where it has ended. `only_his`: only where it is of the user `of`."""
    with db.connect() as connection:
        row = connection.execute(
            """delete from visitors.sessions
            where session_id = %s and (not %s or user_id is not distinct from %s) returning user_id""",
            (session_id, only_his, of),
        ).fetchone()
        if row is not None:
            note(connection, "session ended", row[0] or _THE_OWNER, actor)
        return row is not None


def end_by_digest(db: Database, digest: bytes, address: str) -> None:
    """Sign out: end the session of a digest, if it goes on."""
    with db.connect() as connection:
        row = connection.execute(
            "delete from visitors.sessions where digest = %s returning user_id", (digest,)
        ).fetchone()
        if row is not None:
            name = row[0] or _THE_OWNER
            note(connection, "signed out", name, name, address=address)


def _rows(connection: psycopg.Connection, which: LiteralString, **values: object) -> list[SessionRow]:
    with connection.cursor(row_factory=args_row(SessionRow)) as cursor:
        return cursor.execute(
            f"""select session_id, s.user_id, role,
                array(select account_id from visitors.grants where user_id = s.user_id order by 1),
                proof, address, browser, created_at, seen_at, ends_at
            from visitors.sessions s left join visitors.users using (user_id)
            where {which} and {_ALIVE} order by session_id desc""",
            {"idle": IDLE, **values},
        ).fetchall()
