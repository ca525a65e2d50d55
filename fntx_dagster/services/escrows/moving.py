"""The transaction of an escrow: an approval covers its proposal, which is prepared in the same transaction as the step.

Nothing of it is there before all of it is: a process that is killed leaves the escrow as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Transient
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.escrows.steps import NoSuchEscrow
from fntx_dagster.services.governance.configuration import active_set, approved_config
from fntx_dagster.services.governance.covering import cover_one
from fntx_dagster.services.governance.rejudging import require_approved
from fntx_dagster.services.governance.steps import require_running, taken
from fntx_dagster.services.screening.gating import CLEARED, gate
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.services.transactions.preparing import keep_prepared, under_way
from fntx_dagster.services.transactions.steps import tx_event
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.escrows import EscrowRow, escrow, link_proposal, proposals_of
from fntx_dagster.store.treasury.proposals import ProposalRow, proposal
from fntx_dagster.store.treasury.transactions import OPEN_STATES, LedgerTxRow, transaction_of

XRPL = "xrpl"


def known_escrow(connection: Connection, escrow_id: UUID) -> EscrowRow:
    """An escrow. Raises NoSuchEscrow."""
    row = escrow(connection, escrow_id)
    if row is None:
        raise NoSuchEscrow(escrow_id)
    return row


def allowed_config(settings: Settings, connection: Connection) -> TreasuryConfig:
    """The approved configuration, while the treasury is not paused."""
    require_running(connection)
    return approved_config(settings, connection)


def approved_vote(connection: Connection, row: EscrowRow, kind: str) -> ProposalRow | None:
    """The newest approved proposal of a kind about an escrow whose approvals have not expired; its signatures are
    judged again. None where there is none, or the signers are others now."""
    approved = [
        each for each in proposals_of(connection, row.escrow_id) if (each.kind, each.state) == (kind, "approved")
    ]
    if not approved or approved[-1].expires_at <= datetime.now(UTC):
        return None
    vote = proposal(connection, approved[-1].proposal_id)
    assert vote  # proposals are never deleted
    if vote.signer_set != active_set(connection).version:
        return None
    require_approved(connection, vote)
    return vote


def uncleared(settings: Settings, connection: Connection, row: EscrowRow, by: str) -> tuple[str, ...]:
    """Why a party of an escrow is not cleared by a screening now; empty where all are."""
    answer = gate(settings, connection, row.parties, f"escrow:{row.escrow_id}", by=by)
    if answer.decision == CLEARED:
        return ()
    hits = [
        f"{each.party_id} has a match on a list (check {each.screening_id})" for each in answer.verdicts if each.matches
    ]
    return (*hits, *answer.problems) or (answer.decision,)


def open_transaction(connection: Connection, row: EscrowRow, kind: str) -> LedgerTxRow | None:
    """The transaction of a kind of an escrow that may still get into a ledger by us."""
    for each in reversed(proposals_of(connection, row.escrow_id)):
        if each.kind == kind:
            found = transaction_of(connection, each.proposal_id)
            if found is not None and found.state in OPEN_STATES:
                return found
    return None


def prepare_covered(
    settings: Settings,
    connection: Connection,
    ledger: TreasuryLedger,
    row: EscrowRow,
    whole: ProposalRow,
    kind: str,
    kept: dict[str, Any],
    by: str,
    events: list[NewAuditEvent],
    *,
    built: dict[str, Any] | None = None,
    last_within: int | None = None,
) -> LedgerTxRow:
    """The transaction of an escrow under the approval of `whole`, in a transaction that entered and holds the escrow.
    `kept`: the intent as its proposal keeps it; `built`: with what only the bytes have; `last_within`: so many ledgers
    at most until it can be in one. Raises what `terms` of the ledger raises."""
    payload = kept if built is None else built
    earlier: Sequence[dict[str, Any]] = under_way(connection, payload)
    terms = ledger.terms(payload, 1, earlier)
    if last_within is not None:
        terms = terms._replace(ends_at=min(terms.ends_at, terms.head + last_within))
    version = active_set(connection).version
    child = cover_one(connection, whole, kind, kept, by, events, parties=row.parties, signer_set=version)
    link_proposal(connection, row.escrow_id, child.proposal_id)
    prepared = keep_prepared(connection, ledger, child, payload, terms)
    events.append(tx_event(prepared, "prepare", by))
    taken(connection, child, "prepare", by, events)
    return prepared


def same_config(config: TreasuryConfig, again: TreasuryConfig) -> None:
    """Raise Transient where the configuration changed while a ledger was asked."""
    if config.hash != again.hash:
        raise Transient("the configuration changed meanwhile", "Prepare it again")


def require_vote(vote: ProposalRow | None, row: EscrowRow, what: str, command: str) -> ProposalRow:
    """The vote, or StepImpossible that says what is missing."""
    if vote is None:
        raise StepImpossible(
            f"no approval of {what} of the escrow counts: none was given, it is older than 72 hours, or other signers "
            "decide now",
            command,
        )
    return vote
