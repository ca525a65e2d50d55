"""Who may do what, in the audit log: each user and each token that is made, changed or ended, in the transaction of the
change.

An event names a token by its number and a user by a mark, never by what people call him; an account is not named.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.services.auditing.log import append

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.ledger.tokens import TokenRow, TokenTold
    from fntx_dagster.store.visitors.users import UserTold

_BY = "operator:terminal"


def noted_users(settings: Settings) -> UserTold:
    """What writes an event for each change of a user of the dashboard."""

    def note(connection: Connection, change: str, handle: bytes, role: str) -> None:
        details = {"change": change} | ({"role": role} if role else {})
        subject = EventSubject("user", user_mark(handle))
        append(settings, connection, NewAuditEvent("config_changed", _BY, subject, details))

    return note


def noted_tokens(settings: Settings) -> TokenTold:
    """What writes an event for each token of the API that is made or ended."""

    def note(connection: Connection, change: str, row: TokenRow) -> None:
        details = {"change": change, "role": row.role, "scopes": " ".join(row.scopes)}
        if row.expires_at is not None:
            details["ends"] = f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        subject = EventSubject("token", f"{row.token_id}")
        append(settings, connection, NewAuditEvent("config_changed", _BY, subject, details))

    return note


def user_mark(handle: bytes) -> str:
    """A mark that recognises a user by his handle, which is random, and reveals nothing of him."""
    return hashlib.sha256(handle).hexdigest()[:16]
