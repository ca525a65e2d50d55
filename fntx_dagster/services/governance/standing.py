"""Using a standing approval: with its key alone, within its template, its fee, its days and its number a day, counted
one after another. And ending one before its days are over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.treasury.secrets import require_plain
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.standing import (
    StandingApprovalRow,
    add_use,
    end_standing,
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
    if row is not None and row.state != "active":
        raise Permanent("the standing approval was ended", "Propose another")
    if row is None:
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
        number = count_use(connection, standing_id, use, now or time_after_log(connection), events)
        append_all(settings, connection, events)
    return number


class NoSuchStanding(Permanent):
    """There is no standing approval with an id."""


def end(settings: Settings, db: Database, standing_id: UUID, reason: str, by: str = TERMINAL) -> StandingApprovalRow:
    """End a standing approval now, as when its key was lost; once is enough. Nobody votes on it: it gives nobody more
    than he had. Raises Permanent where there is none, and without a reason."""
    if not reason.strip():
        raise Permanent("an end needs a reason", "Give it with --reason")
    require_plain("the reason", reason)
    with entered(db) as connection:
        row = standing_approval(connection, standing_id)
        if row is None:
            raise NoSuchStanding(f"there is no standing approval {standing_id}", "`fntx treasury list` lists proposals")
        append_all(settings, connection, _ended(connection, [row], reason, by))
    return row._replace(state="ended")


def end_all(connection: Connection, reason: str, by: str, now: datetime) -> list[NewAuditEvent]:
    """End what is approved at a time (aware), in a transaction that entered alone; what the log says of it."""
    return _ended(connection, standing_approvals(connection, now), reason, by)


def _ended(connection: Connection, rows: Sequence[StandingApprovalRow], reason: str, by: str) -> list[NewAuditEvent]:
    events: list[NewAuditEvent] = []
    for row in rows:
        if row.state == "active":
            end_standing(connection, row.proposal_id)
            subject = EventSubject("proposal", str(row.proposal_id))
            details = {"reason": reason, "key": row.key}
            events.append(NewAuditEvent("proposal_standing_end", by, subject, details))
    return events


def _is_within(template: Any, payload: Any) -> bool:
    """Whether a payload has everything that a template has; below `params` it may have more."""
    if not isinstance(template, dict) or not isinstance(payload, dict):
        return type(template) is type(payload) and template == payload
    return template.keys() <= payload.keys() and all(_is_within(template[name], payload[name]) for name in template)
