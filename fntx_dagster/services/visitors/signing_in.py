"""Signing in by a link or a password, and what a session's cookie stands for.

What signs in is random and known to its holder alone: links and cookies have 256 random bits, of which the database
has the SHA-256. Each sign-in begins a session under a new secret and ends the one that the browser had before.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.services.visitors import passwords
from fntx_dagster.services.visitors.users import TERMINAL, is_name, known_name
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, Visitor
from fntx_dagster.serving.asgi import counted_as
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.visitors import attempts, audit, sessions, users
from fntx_dagster.store.visitors.sessions import SessionProof, SessionRow

__all__ = [
    "LINK_LASTS",
    "SESSION_LASTS",
    "From",
    "NotAdmitted",
    "SignedIn",
    "by_link",
    "by_password",
    "change_password",
    "digest_of",
    "end_own",
    "link_of_machine",
    "link_of_user",
    "new_secret",
    "own_sessions",
    "sign_out",
    "signed_by",
    "still_signed",
]

LINK_LASTS = timedelta(minutes=30)
SESSION_LASTS = sessions.LASTS
_BYTES = 32
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,64}").fullmatch
_LONGEST_BROWSER = 120
_JUST_NOW = timedelta(minutes=10)


class NotAdmitted(Exception):
    """Who asks is not let in. `too_often`: because he, or others with his name or address, failed before."""

    def __init__(self, *, too_often: bool = False) -> None:
        super().__init__("refused")
        self.too_often = too_often


class From(NamedTuple):
    """From where somebody signs in: address, what his browser calls itself, and the cookie that he had."""

    address: str
    browser: str = ""
    cookie: str | None = None

    @property
    def counted_as(self) -> str:
        """What failures are counted for."""
        return counted_as(self.address)

    def proved(self, proof: str) -> SessionProof:
        """For the session's row."""
        return SessionProof(proof, cleaned(self.address, 64), cleaned(self.browser, _LONGEST_BROWSER))

    @property
    def before(self) -> bytes | None:
        """The digest of the session that the browser has."""
        return digest_of(self.cookie) if self.cookie else None


class SignedIn(NamedTuple):
    """Whoever is signed in, and his session."""

    visitor: Visitor
    user_id: str | None
    """None: the owner of a machine without users."""
    session_id: int
    proof: str
    created_at: datetime
    ends_at: datetime


def link_of_machine(db: Database, lasts: timedelta = LINK_LASTS) -> str:
    """A new secret for the owner of a machine without users, in place of the former one. Raises Permanent where there
    are users."""
    if users.any_user(db):
        raise Permanent("the dashboard has users", "`fntx users link NAME` makes a link for one of them")
    return _new_link(db, None, lasts)


def link_of_user(db: Database, name: str, lasts: timedelta = LINK_LASTS) -> str:
    """A new secret that signs a user in once, in place of his former one. Raises Permanent where there is no such
    user."""
    name = known_name(name)
    if not (is_name(name) and users.exists(db, name)):
        raise Permanent(f"there is no user {name}", "`fntx users list` lists all")
    return _new_link(db, name, lasts)


def by_link(db: Database, secret: str, where: From, *, of_machine: bool) -> str:
    """The cookie of a new session, for a link that is good once. `of_machine`: whether a link of a machine without
    users counts. Raises NotAdmitted."""
    cookie = new_secret()
    begun = is_secret(secret) and sessions.begin_by_link(
        db, digest_of(secret), digest_of(cookie), where.proved("link"), where.before, of_machine=of_machine
    )
    if not begun:
        raise NotAdmitted
    return cookie


def by_password(db: Database, name: str, password: str, where: From) -> str:
    """The cookie of a new session, for a name and its password. Raises NotAdmitted, for an unknown name after the same
    work."""
    name = known_name(name)
    counted = digest_of(name)
    if attempts.begin(db, counted, where.counted_as) is None:
        raise NotAdmitted(too_often=True)
    kept = users.password_of(db, name) if is_name(name) else None
    is_right = passwords.is_right(password, kept)
    cookie = new_secret()
    if not is_right or not sessions.begin_by_password(
        db, name, kept or "", digest_of(cookie), where.proved("password"), where.before
    ):
        whose = name if is_name(name) and users.exists(db, name) else None
        audit.append(db, "sign-in failed", whose, "nobody", proof="password", address=cleaned(where.address, 64))
        raise NotAdmitted
    attempts.succeeded(db, counted, where.counted_as)
    if kept and passwords.is_outdated(kept):
        users.rehash(db, name, kept, passwords.hashed(password))
    return cookie


def signed_by(db: Database, cookie: str, *, uses: bool = True) -> SignedIn | None:
    """Who is signed in by a cookie; None where its session is unknown, idle, over or ended. `uses`: a person asks, so
    that it is not idle."""
    row = sessions.find(db, digest_of(cookie), marks=uses) if is_secret(cookie) else None
    return _signed(row) if row else None


def still_signed(db: Readable, session_id: int) -> bool:
    """Whether a session goes on; asking does not count as using it."""
    return sessions.is_alive(db, session_id)


def sign_out(db: Database, cookie: str, address: str) -> None:
    """End the session of a cookie."""
    if is_secret(cookie):
        sessions.end_by_digest(db, digest_of(cookie), address[:64])


def own_sessions(db: Readable, signed: SignedIn) -> list[SessionRow]:
    """The sessions of whoever is signed in, newest first."""
    return sessions.listed(db, signed.user_id)


def end_own(db: Database, signed: SignedIn, session_id: int) -> bool:
    """End one of one's own sessions; False where there is no such."""
    return sessions.end(db, session_id, signed.visitor.user_id, of=signed.user_id, only_his=True)


def change_password(db: Database, signed: SignedIn, old: str, new: str, where: From) -> None:
    """Set one's own password, and end one's other sessions. The old one is asked for, unless there is none and the
    session began within ten minutes. Raises NotAdmitted, Permanent for one that is too short or where there are no
    users."""
    if signed.user_id is None:
        raise Permanent("there is no user to set a password for", "`fntx users add NAME --role owner` adds one")
    kept = users.password_of(db, signed.user_id)
    if kept is None:
        if datetime.now(signed.created_at.tzinfo) - signed.created_at > _JUST_NOW:
            raise Permanent("a first password is set within ten minutes of signing in", "Sign in again")
    else:
        counted = digest_of(signed.user_id)
        if attempts.begin(db, counted, where.counted_as) is None:
            raise NotAdmitted(too_often=True)
        if not passwords.is_right(old, kept):
            audit.append(db, "password refused", signed.user_id, signed.user_id, address=cleaned(where.address, 64))
            raise NotAdmitted
        attempts.succeeded(db, counted, where.counted_as)
    users.set_password(db, signed.user_id, passwords.hashed(new), signed.user_id, keep=signed.session_id)


def new_secret() -> str:
    """256 random bits, as they stand in a link or a cookie."""
    return secrets.token_urlsafe(_BYTES)


def is_secret(text: str) -> bool:
    """Whether a text may be such a secret at all."""
    return _SECRET(text) is not None


def _new_link(db: Database, user_id: str | None, lasts: timedelta) -> str:
    secret = new_secret()
    sessions.make_link(db, user_id, digest_of(secret), lasts, TERMINAL)
    return secret


def _signed(row: SessionRow) -> SignedIn:
    role = row.role or OWNER
    accounts = None if role in (OWNER, AUDITOR) else frozenset(row.accounts)
    visitor = Visitor(row.user_id or OWNER, role, accounts)
    return SignedIn(visitor, row.user_id, row.session_id, row.proof, row.created_at, row.ends_at)


def digest_of(secret: str) -> bytes:
    """The SHA-256 of a secret: all that is kept of it."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
