"""Who may do what, in the audit log: each user and each token that is made, changed or ended, in the transaction of the
change; and the limits that orders and payments are held to, whenever a server begins with others.

An event names a token by its number and a user by a mark, never by what people call him; an account is not named.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.auditing.keys import LostKey
from fntx_dagster.services.auditing.log import append
from fntx_dagster.store.treasury.noted_settings import note_digest

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection, Database
    from fntx_dagster.store.ledger.tokens import TokenLog, TokenRow
    from fntx_dagster.store.visitors.users import UserLog

_BY = "operator:terminal"
_LIMITS = {
    "orders": (
        "bot_daily_limit",
        "user_daily_limit",
        "burst_limit",
        "drawdown_limit",
        "daily_loss_limit",
        "losing_trips",
        "errors_per_hour",
        "min_edge_bps",
        "slippage_bps",
        "safety_bps",
        "price_jump",
    ),
    "compliance": ("lists_max_age", "travel_rule_amount"),
    "treasury": ("xrpl_fee_cap", "stellar_fee_cap"),
}
"""Group of the settings → its limits."""
_TAKEN = ("token revoked", "account revoked", "user removed")
"""Changes that only take a right away."""
_log = logging.getLogger(__name__)


def note_limits(settings: Settings, db: Database) -> list[str]:
    """Write an event for each group of the settings whose limits are others than the log holds last, and return
    the groups. A lost key of the log keeps no server from beginning."""
    noted: list[str] = []
    for wing, names in _LIMITS.items():
        limits = {name: f"{getattr(getattr(settings, wing), name)}" for name in names}
        try:
            with db.connect() as connection:
                if note_digest(connection, wing, payload_hash(limits)):
                    subject = EventSubject("settings", wing)
                    append(settings, connection, NewAuditEvent("config_changed", "system:settings", subject, limits))
                    noted.append(wing)
        except LostKey as lost:
            _log.error("the audit log is not told of the limits: %s", lost)
    return noted


def noted_users(settings: Settings) -> UserLog:
    """What writes an event for each change of a user of the dashboard."""

    def note(connection: Connection, change: str, handle: bytes, role: str) -> None:
        details = {"change": change} | ({"role": role} if role else {})
        _append(settings, connection, EventSubject("user", user_mark(handle)), details)

    return note


def noted_tokens(settings: Settings) -> TokenLog:
    """What writes an event for each token of the API that is made or ended."""

    def note(connection: Connection, change: str, row: TokenRow) -> None:
        details = {"change": change, "role": row.role, "scopes": " ".join(row.scopes)}
        if row.expires_at is not None:
            details["ends"] = f"{row.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        _append(settings, connection, EventSubject("token", f"{row.token_id}"), details)

    return note


def _append(settings: Settings, connection: Connection, subject: EventSubject, details: dict[str, str]) -> None:
    """Write an event of a change. A lost key of the log keeps nobody from taking a right away, as from a stolen
    token; none is given."""
    try:
        append(settings, connection, NewAuditEvent("config_changed", _BY, subject, details))
    except LostKey as lost:
        if details["change"] not in _TAKEN:
            raise
        _log.error("the audit log is not told: %s: %s", details["change"], lost)


def user_mark(handle: bytes) -> str:
    """A mark that recognises a user by his handle, which is random, and reveals nothing of him."""
    return hashlib.sha256(handle).hexdigest()[:16]
