"""Using a standing approval: with its key alone, within its template, its fee, its days and its number a day, counted
one after another."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.auditing.log import append
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.standing import (
    StandingApprovalRow,
    add_use,
    standing_approval,
    standing_approvals,
    use_for,
    uses_between,
)

BY = "system:anchors"


class StandingUse(NamedTuple):
    """What a standing approval is used for: the transaction of the proposal `used_for`, which has this payload and
    costs this fee (drops or stroops), signed by the key of this address."""

    used_for: UUID
    payload: Any
    fee: int
    key: str


def covering(connection: Connection, payload: Any, now: datetime) -> list[StandingApprovalRow]:
    """The standing approvals whose templates a payload is one of, at a time (aware), the one that ends last first.
    Whether the key of one still signs, its fee suffices and it was not used too often is seen when it is used."""
    rows = standing_approvals(connection, now)
    return [row for row in rows if _is_within(json.loads(row.template), payload)]


def require_usable(row: StandingApprovalRow | None, use: StandingUse, now: datetime) -> None:
    """Raise Permanent where a standing approval does not cover a use, however often it was used."""
    if row is None or row.state != "active":
        raise Permanent("there is no such standing approval", "`fntx treasury propose standing.approve` asks for one")
    if now >= row.ends_at:
        raise Permanent("the standing approval is over", "Propose another")
    if use.key != row.key:
        raise Permanent(f"the standing approval is for the key {row.key}, not for {use.key}", "Sign with that key")
    if not 0 <= use.fee <= row.fee_cap:
        raise Permanent(f"the fee {use.fee} is above the {row.fee_cap} that were approved", "Wait until fees are lower")
    if not _is_within(json.loads(row.template), use.payload):
        raise Permanent("the transaction is not one of the template", "It needs a proposal of its own")


def require_another_use(connection: Connection, row: StandingApprovalRow, now: datetime) -> None:
    """Raise Permanent where a standing approval was used as often as it may be on the day (of UTC)."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if uses_between(connection, row.proposal_id, midnight, midnight + timedelta(days=1)) >= row.per_day:
        raise Permanent(f"it was used {row.per_day} times today", "It counts from 0 at midnight UTC")


def count_use(
    connection: Connection, standing_id: UUID, use: StandingUse, now: datetime, events: list[NewAuditEvent]
) -> int:
    """Count a use in a transaction that entered, and return its number; of a transaction that was counted before, the
    number that it has. What the log has to say of it is added to `events`. Raises Permanent where the approval does not
    cover it: then it must not be signed. Anchoring goes on while the treasury is paused."""
    row = standing_approval(connection, standing_id)
    require_usable(row, use, now)
    assert row  # or it is not usable
    if (known := use_for(connection, use.used_for)) is not None:
        return known
    require_another_use(connection, row, now)
    digest = payload_hash(use.payload)
    number = add_use(connection, standing_id, now, digest, use.fee, use.used_for)
    details = {"use": number, "used_for": str(use.used_for), "payload_hash": digest, "fee": str(use.fee)}
    subject = EventSubject("proposal", str(standing_id))
    events.append(NewAuditEvent("proposal_standing_use", BY, subject, details | {"key": use.key}))
    return number


def use_standing(
    settings: Settings, db: Database, standing_id: UUID, use: StandingUse, now: datetime | None = None
) -> int:
    """Count a use in a transaction of its own, as `count_use` does."""
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        number = count_use(connection, standing_id, use, now or datetime.now(UTC), events)
        for event in events:
            append(settings, connection, event)
    return number


def _is_within(template: Any, payload: Any) -> bool:
    """Whether a payload has everything that a template has; below `params` it may have more."""
    if not isinstance(template, dict) or not isinstance(payload, dict):
        return type(template) is type(payload) and template == payload
    return template.keys() <= payload.keys() and all(_is_within(template[name], payload[name]) for name in template)
