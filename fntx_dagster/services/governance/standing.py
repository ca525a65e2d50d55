"""Using a standing approval: within its template, its fee, its days and its number a day, counted one after another."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.services.auditing.log import append
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.standing import add_use, standing_approval, uses_between


def use_standing(
    settings: Settings, db: Database, proposal_id: UUID, payload: Any, fee: int, now: datetime | None = None
) -> int:
    """Count one use of a standing approval for a transaction with this payload and fee (drops or stroops), and return
    its number. A day is one of UTC. Raises Permanent where the approval does not cover it: then it must not be
    signed. Anchoring goes on while the treasury is paused."""
    now = now or datetime.now(UTC)
    with entered(db) as connection:
        row = standing_approval(connection, proposal_id)
        if row is None or row.state != "active":
            raise Permanent(
                "there is no such standing approval", "`fntx treasury propose standing.approve` asks for one"
            )
        if now >= row.ends_at:
            raise Permanent("the standing approval is over", "Propose another")
        if not 0 <= fee <= row.fee_cap:
            raise Permanent(f"the fee {fee} is above the {row.fee_cap} that were approved", "Wait until fees are lower")
        if not _is_within(json.loads(row.template), payload):
            raise Permanent("the transaction is not one of the template", "It needs a proposal of its own")
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if uses_between(connection, proposal_id, midnight, midnight + timedelta(days=1)) >= row.per_day:
            raise Permanent(f"it was used {row.per_day} times today", "It counts from 0 at midnight UTC")
        digest = payload_hash(payload)
        number = add_use(connection, proposal_id, now, digest, fee)
        details = {"use": number, "payload_hash": digest, "fee": str(fee)}
        subject = EventSubject("proposal", str(proposal_id))
        append(settings, connection, NewAuditEvent("proposal_standing_use", "system:anchors", subject, details))
    return number


def _is_within(template: Any, payload: Any) -> bool:
    """Whether a payload has everything that a template has; below `params` it may have more."""
    if not isinstance(template, dict) or not isinstance(payload, dict):
        return type(template) is type(payload) and template == payload
    return template.keys() <= payload.keys() and all(_is_within(template[name], payload[name]) for name in template)
