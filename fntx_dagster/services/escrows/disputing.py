"""Disputes of escrows: one signer stops a release, two let it go on."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.errors import Permanent
from fntx_dagster.escrows.events import DISPUTE, RESOLVE
from fntx_dagster.services.escrows.moving import known_escrow
from fntx_dagster.services.escrows.payloads import reason_payload
from fntx_dagster.services.governance.proposing import propose
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database


def dispute_escrow(settings: Settings, db: Database, escrow_id: UUID, reason: str, by: str = TERMINAL) -> UUID:
    """Propose to dispute an active escrow: with one approval its preimage stays closed. The proposal's id. Raises
    StepImpossible, with the events of its state."""
    return _proposed(settings, db, DISPUTE, escrow_id, reason, by)


def resolve_escrow(settings: Settings, db: Database, escrow_id: UUID, reason: str, by: str = TERMINAL) -> UUID:
    """Propose to end the dispute of an escrow, so that it can be finished. The proposal's id. Raises StepImpossible,
    with the events of its state."""
    return _proposed(settings, db, RESOLVE, escrow_id, reason, by)


def _proposed(settings: Settings, db: Database, kind: str, escrow_id: UUID, reason: str, by: str) -> UUID:
    if not reason.strip():
        raise Permanent("a reason is missing (reason_given)", "Give it with --reason")
    with db.connect() as connection:
        row = known_escrow(connection, escrow_id)
    return propose(settings, db, kind, reason_payload(row, reason), by=by)
