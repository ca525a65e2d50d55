"""Who may use the API: tokens with a user and a role, made, listed, revoked and checked."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import tokens
from fntx_dagster.store.ledger.tokens import TokenRow

TRADER, ADMIN, SIGNAL_SOURCE, READER = ROLES = ("trader", "admin", "signal_source", "reader")
_BYTES = 32
_STRATEGY = "strategy:"
_USER = re.compile(r"[\x21-\x7e]{1,64}").fullmatch


class Caller(NamedTuple):
    """Whom a token stands for."""

    user_id: str
    role: str

    @property
    def is_admin(self) -> bool:
        return self.role == ADMIN

    @property
    def may_trade(self) -> bool:
        """Whether it may send orders and record money."""
        return self.role in (TRADER, ADMIN)

    @property
    def reads_every_account(self) -> bool:
        """Whether it may read the record of every account."""
        return self.role in (ADMIN, READER)

    @property
    def may_signal(self) -> bool:
        """Whether it may send signals."""
        return self.role in (SIGNAL_SOURCE, ADMIN)


def make_token(db: Database, user_id: str, role: str, lasts: timedelta | None = None) -> str:
    """A new token, which is known to nobody else: only its digest is stored. Raises Permanent for an unknown role or a
    user without a name."""
    if role not in ROLES:
        raise Permanent(f"there is no role {role}", f"The roles are {', '.join(ROLES)}")
    if not _USER(user_id):
        raise Permanent(
            "a token needs the name of a user", "Give one of 1 to 64 printable ASCII characters with --user"
        )
    if user_id.startswith(_STRATEGY) and role in (TRADER, ADMIN):
        raise Permanent(
            f"{user_id} is the book of a strategy, which its signals alone trade in",
            "Give a token of the role reader, which reads every book",
        )
    token = secrets.token_urlsafe(_BYTES)
    tokens.add(db, _digest(token), user_id, role, datetime.now(UTC) + lasts if lasts else None)
    return token


def caller_of(db: Readable, token: str) -> Caller | None:
    """Whom a token stands for; None where it is unknown, revoked or has expired."""
    found = tokens.find(db, _digest(token))
    if found is None or found.revoked_at or (found.expires_at and found.expires_at <= datetime.now(UTC)):
        return None
    return Caller(found.user_id, found.role)


def list_tokens(db: Readable) -> list[TokenRow]:
    """All tokens without what they are, newest first."""
    return tokens.listed(db)


def revoke_token(db: Database, token_id: int) -> None:
    """Let a token end now. Raises Permanent where there is none, or it has ended already."""
    if not tokens.revoke(db, token_id):
        raise Permanent(f"no token {token_id} is in use", "`fntx api tokens` lists them")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
