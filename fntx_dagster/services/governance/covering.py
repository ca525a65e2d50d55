"""Proposals that the approval of another one covers: the single transactions of a set-up, a rotation, an escrow, a
distribution or a batch of orders, of which people approved the whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.governance.decisions import payload_hash
from fntx_dagster.governance.kinds import EXPIRY
from fntx_dagster.services.governance.steps import step_event, taken
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.proposals import ProposalRow, add_proposal, next_nonce

COVERED = "account.configure"
"""The kind of each of them, but of the orders of a batch."""


def cover(
    connection: Connection,
    whole: ProposalRow,
    payloads: Sequence[Any],
    by: str,
    events: list[NewAuditEvent],
    kind: str = COVERED,
) -> list[ProposalRow]:
    """Make an approved proposal of each payload, in their order, in a transaction that entered; what the log says of
    them is added to `events`. Whoever calls has looked that `whole`, which is approved, asked for them."""
    return [cover_one(connection, whole, kind, payload, by, events) for payload in payloads]


def cover_one(
    connection: Connection,
    whole: ProposalRow,
    kind: str,
    payload: Any,
    by: str,
    events: list[NewAuditEvent],
    *,
    parties: Collection[str] = (),
    signer_set: int | None = None,
) -> ProposalRow:
    """The same of one payload and of any kind. `parties`: who was screened for it; `signer_set`: the version whose
    accounts sign it, where it is not that of `whole`."""
    now = datetime.now(UTC).replace(microsecond=0)
    row = ProposalRow(
        uuid4(),
        next_nonce(connection),
        kind,
        canonical(payload).decode(),
        payload_hash(payload),
        [*parties],
        whole.signer_set if signer_set is None else signer_set,
        whole.threshold,
        now + EXPIRY,
        covered_by(whole.proposal_id),
        now,
        "draft",
        "",
        whole.proposal_id,
    )
    add_proposal(connection, row)
    events.append(step_event(row, "draft", by))
    row = taken(connection, row, "screen", by, events)
    reason = (
        "its parties were screened, and are again before it is sent" if parties else "it names nobody who is screened"
    )
    row = taken(connection, row, "cleared", by, events, reason)
    return taken(connection, row, "approve", by, events, f"with the proposal {whole.proposal_id}")


def covered_by(whole: UUID) -> str:
    """Who proposed what an approval covers, in the words of its row; `covered_by` there is what counts."""
    return f"proposal:{whole}"
