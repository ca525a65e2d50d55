"""Users of the dashboard: added, changed and removed from the terminal, whose user is above all of them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from fntx_dagster.errors import Permanent
from fntx_dagster.services.accounts import chosen_account
from fntx_dagster.services.visitors.passwords import hashed
from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, ROLES
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.visitors import audit, sessions, users
from fntx_dagster.store.visitors.audit import AuditEntry
from fntx_dagster.store.visitors.sessions import SessionRow
from fntx_dagster.store.visitors.users import UserLog, UserRow, unlogged

__all__ = [
    "AuditEntry",
    "SessionRow",
    "UserRow",
    "add_user",
    "any_user",
    "change_role",
    "end_session",
    "grant_account",
    "is_name",
    "known_name",
    "list_sessions",
    "list_users",
    "read_log",
    "remove_user",
    "revoke_account",
    "set_password",
]

TERMINAL = "the terminal"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch
_ALL_ACCOUNTS = (OWNER, AUDITOR)


def known_name(name: str) -> str:
    """A name as it is kept: in lower case, without blanks around it."""
    return name.strip().lower()


def is_name(name: str) -> bool:
    """Whether a user may be called so."""
    return _NAME(name) is not None


def add_user(db: Database, name: str, role: str, granted: Sequence[str] = (), log: UserLog = unlogged) -> None:
    """Add a user. Raises Permanent for a name that is taken or has another form, an unknown role, and an account that
    is not loaded. The first user ends the session of whoever used the dashboard of this machine without one.

    `log`, here and below, writes the change down in its transaction."""
    name = known_name(name)
    if not is_name(name):
        raise Permanent(
            "the name of a user has 1 to 64 letters, digits, dots, hyphens and underscores",
            "Begin it with a letter or a digit of ASCII",
        )
    _require_role(role)
    if granted and role in _ALL_ACCOUNTS:
        raise Permanent(f"the role {role} sees every account", "Leave --account out, or choose another role")
    chosen = [chosen_account(db, account) for account in granted]
    if not users.add(db, name, role, chosen, secrets.token_bytes(32), TERMINAL, log):
        raise Permanent(
            f"there is a user {name} already", "`fntx users list` lists all; `fntx users grant` changes one"
        )


def require_owner_first(db: Readable, name: str, role: str) -> None:
    """Raise Permanent where the first user would be no owner: nobody could enter the system's pages from then on."""
    if role != OWNER and not any_user(db):
        raise Permanent(
            "the first user has to be an owner: from then on nobody enters without a user",
            f"`fntx users add YOURSELF --role owner`, then add {name}",
        )


def change_role(db: Database, name: str, role: str, log: UserLog = unlogged) -> bool:
    """Give a user another role, and end his sessions; False where he has it. Raises Permanent where there is no such
    user or role."""
    name = _require(db, name)
    _require_role(role)
    return users.set_role(db, name, role, TERMINAL, log)


def grant_account(db: Database, name: str, account: str, log: UserLog = unlogged) -> bool:
    """Let a user see an account; False where he does already. Raises Permanent where one of them is unknown."""
    return users.grant(db, _require(db, name), chosen_account(db, account), TERMINAL, log)


def revoke_account(db: Database, name: str, account: str, log: UserLog = unlogged) -> bool:
    """Take an account from a user, and end his sessions; False where he did not have it. Raises Permanent where there
    is no such user."""
    return users.revoke(db, _require(db, name), account, TERMINAL, log)


def remove_user(db: Database, name: str, log: UserLog = unlogged) -> None:
    """Remove a user, his sessions, passkeys and links. Raises Permanent where there is no such user."""
    users.remove(db, _require(db, name), TERMINAL, log)


def set_password(db: Database, name: str, password: str) -> None:
    """Set a user's password, and end his sessions. Raises Permanent where there is no such user, or it is too short."""
    name = _require(db, name)
    users.set_password(db, name, hashed(password), TERMINAL)


def list_users(db: Readable) -> list[UserRow]:
    """All users, by name."""
    return users.listed(db)


def any_user(db: Readable) -> bool:
    """Whether there are users; without them the dashboard is its owner's, on his own machine."""
    return users.any_user(db)


def list_sessions(db: Readable, name: str | None = None) -> list[SessionRow]:
    """The sessions that go on, of a user or of all. Raises Permanent where there is no such user."""
    return sessions.listed(db, _require(db, name)) if name else sessions.all_listed(db)


def end_session(db: Database, number: int) -> None:
    """End a session. Raises Permanent where it has ended."""
    if not sessions.end(db, number, TERMINAL):
        raise Permanent(f"no session {number} goes on", "`fntx users sessions` lists those that do")


def read_log(db: Readable, limit: int, name: str | None = None) -> list[AuditEntry]:
    """Who signed in and what was changed, newest first: of a user, also one that was removed, or of all."""
    return audit.newest(db, limit, known_name(name) if name else None)


def _require(db: Readable, name: str) -> str:
    name = known_name(name)
    if not (is_name(name) and users.exists(db, name)):
        raise Permanent(f"there is no user {name}", "`fntx users list` lists all")
    return name


def _require_role(role: str) -> None:
    if role not in ROLES:
        raise Permanent(f"there is no role {role}", f"The roles are {', '.join(ROLES)}")
