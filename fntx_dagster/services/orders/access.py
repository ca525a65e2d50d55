"""Who may use the API: tokens with a user, a role and scopes; made, listed, revoked and checked.

A role says what a token may do with books and records; with the treasury and compliance no role does anything. A
scope, of the treasury, of compliance or of the audit log, adds one thing; a token of the role `scoped` may do nothing
else.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.ledger import tokens
from fntx_dagster.store.ledger.tokens import TokenLog, TokenRow, unlogged

TRADER, ADMIN, SIGNAL_SOURCE, READER, SCOPED = ROLES = ("trader", "admin", "signal_source", "reader", "scoped")
PLAIN = "audit:plain"
SCOPES = {
    "audit:read": "the log's state, checkpoints, anchors and sealed events",
    PLAIN: "proofs, which show what an event says",
    "audit:checkpoint": "sign the log as it is",
    "treasury:read": "proposals, transactions, signers and reconciliations",
    "treasury:propose": "make and cancel proposals, end standing approvals",
    "treasury:sign": "hand in decisions and signatures that were made elsewhere",
    "treasury:submit": "prepare, submit and confirm transactions",
    "treasury:trade": "start strategies of the desk on the XRP Ledger",
    "treasury:halt": "halt them and the desk, propose to kill it",
    "treasury:resume": "propose that the desk trades again",
    "compliance:read": "lists and checks of parties",
    "compliance:screen": "screen parties and names",
    "compliance:dispose": "decide what a match is",
}
"""Scope → what it lets a token do. Each of a wing lets it read there as well."""
_OF_ADMINS = ("audit:read", "audit:checkpoint")
_BYTES = 32
_STRATEGY = "strategy:"
_USER = re.compile(r"[\x21-\x7e]{1,64}").fullmatch


class Caller(NamedTuple):
    """Whom a token stands for."""

    user_id: str
    role: str
    scopes: frozenset[str] = frozenset()

    def has_scope(self, scope: str) -> bool:
        """Whether it has a scope. An admin reads and signs the audit log; every other scope is given by its name."""
        if scope in self.scopes or (self.role == ADMIN and scope in _OF_ADMINS):
            return True
        wing, _, what = scope.partition(":")
        return what == "read" and any(each.startswith(f"{wing}:") for each in self.scopes)

    @property
    def reads_books(self) -> bool:
        """Whether it may read orders, ledgers and signals: those of its user, or as its role says."""
        return self.role != SCOPED

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


def make_token(
    db: Database,
    user_id: str,
    role: str,
    lasts: timedelta | None = None,
    scopes: Collection[str] = (),
    log: TokenLog = unlogged,
) -> str:
    """A new token, which is known to nobody else: only its digest is stored; `log` writes it down in its transaction.
    Raises Permanent for an unknown role or scope, a user without a name, and a token that may do nothing."""
    if role not in ROLES:
        raise Permanent(f"there is no role {role}", f"The roles are {', '.join(ROLES)}")
    if unknown := [scope for scope in scopes if scope not in SCOPES]:
        raise Permanent(f"there is no scope {unknown[0]}", f"The scopes are {', '.join(SCOPES)}")
    if role == SCOPED and not scopes:
        raise Permanent("a token of the role scoped may do what its scopes say", "Give one with --scope")
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
    ends_at = datetime.now(UTC) + lasts if lasts else None
    tokens.add(db, _digest(token), user_id, role, sorted({*scopes}), ends_at, log)
    return token


def caller_of(db: Readable, token: str) -> Caller | None:
    """Whom a token stands for; None where it is unknown, revoked or has expired."""
    found = tokens.find(db, _digest(token))
    if found is None or found.revoked_at or (found.expires_at and found.expires_at <= datetime.now(UTC)):
        return None
    return Caller(found.user_id, found.role, frozenset(found.scopes))


def list_tokens(db: Readable) -> list[TokenRow]:
    """All tokens without what they are, newest first."""
    return tokens.listed(db)


def revoke_token(db: Database, token_id: int, log: TokenLog = unlogged) -> None:
    """Let a token end now, which `log` writes down in its transaction. Raises Permanent where there is none, or it has
    ended already."""
    if not tokens.revoke(db, token_id, log):
        raise Permanent(f"no token {token_id} is in use", "`fntx api tokens` lists them")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
