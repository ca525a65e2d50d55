"""How proposals end without a decision: cancelled by whoever made them, or expired."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.bonds.effects import bond_not_approved, left_waiting
from fntx_dagster.services.bonds.steps import logged
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.treasury.secrets import require_no_secret
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, expired_ids

_CLOCK = "system:expiry"
_PREPARED = [name for name, kind in KINDS.items() if kind.ops]
"""The others take effect with their approval."""


def cancel(settings: Settings, db: Database, proposal_id: UUID, reason: str, by: str = TERMINAL) -> ProposalRow:
    """Cancel a proposal that waits for decisions or signatures."""
    if not reason.strip():
        raise Permanent("a cancellation needs a reason", "Give it with --reason")
    require_no_secret(reason)
    return _moved(settings, db, proposal_id, "cancel", by, reason)


def expire(settings: Settings, db: Database, now: datetime | None = None) -> list[UUID]:
    """End what nobody decided, or nobody prepared, before its time; the ids. Two that run at once end each once. A bond
    whose approval did not come in time is rejected with it."""
    now = now or datetime.now(UTC)
    ended: list[UUID] = []
    with db.connect() as connection:
        ids = expired_ids(connection, now, _PREPARED)
    for proposal_id in ids:
        events: list[NewAuditEvent] = []
        with entered(db) as connection:
            row = held(connection, proposal_id)
            if row.state in ("pending_approval", "approved"):  # nobody decided or prepared it meanwhile
                row = taken(connection, row, "expire", _CLOCK, events)
                events += bond_not_approved(connection, row, "expire", _CLOCK)
                ended.append(proposal_id)
            logged(settings, connection, events)
    _end_bonds(settings, db, now)
    return ended


def _end_bonds(settings: Settings, db: Database, now: datetime) -> None:
    """Reject the bonds whose last proposal was cancelled, as with its signer set, and whose time is over."""
    with db.connect() as connection:
        left = left_waiting(connection, now)
    for row in left:
        with entered(db) as connection:
            logged(settings, connection, bond_not_approved(connection, row, "expire", _CLOCK))


def record_screening(
    settings: Settings, db: Database, proposal_id: UUID, event: str, by: str, reason: str = ""
) -> ProposalRow:
    """Take the step that a screening of a proposal's parties leads to: `cleared`, `hit`, `dispose_false_positive`."""
    if event not in ("cleared", "hit", "dispose_false_positive"):
        raise Permanent(f"{event} is no outcome of a screening", "It is cleared, hit or dispose_false_positive")
    return _moved(settings, db, proposal_id, event, by, reason)


def _moved(settings: Settings, db: Database, proposal_id: UUID, event: str, by: str, reason: str) -> ProposalRow:
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        row = taken(connection, held(connection, proposal_id), event, by, events, reason)
        for each in events:
            append(settings, connection, each)
    return row
