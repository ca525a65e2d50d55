"""What a ledger says became of a transaction, taken as a step of it and of its proposal, each once."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from fntx_dagster.audit.anchor import Anchor
from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.governance.kinds import ANCHOR
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.transactions.business_events import business_events
from fntx_dagster.services.transactions.ledgers import LedgerEnd, TreasuryLedger
from fntx_dagster.services.transactions.steps import place_of, tx_step
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.checkpoints import add_anchor
from fntx_dagster.store.treasury.escrows import escrow_of_proposal
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of

CLOCK = "system:confirmation"
_UNSIGNED = ("pending_signature", "partially_signed")
_USELESS = (
    "its sequence or its ticket is used: look at the account's last transactions, then `fntx treasury cancel`, and "
    "propose it again if none of them is this one"
)
_STEPS = {"confirmed": "confirm", "failed": "fail", "superseded": "fail", "expired": "lapse"}


class Settled(NamedTuple):
    """Where a transaction stands. `words`: the ledger's code, or why nothing is known; `ledger`: the one that holds
    it."""

    proposal_id: UUID
    state: str
    words: str
    ledger: int | None
    hash: str | None


def settle(settings: Settings, db: Database, ledger: TreasuryLedger, row: LedgerTxRow) -> Settled:
    """Ask a ledger what became of a transaction, and take the step that follows. Raises Transient where the server does
    not answer."""
    end = _unsigned_end(ledger, row) if row.state in _UNSIGNED else ledger.end_of(row)
    return _kept(settings, db, row, end)


def _unsigned_end(ledger: TreasuryLedger, row: LedgerTxRow) -> LedgerEnd:
    """Of a transaction that we cannot send. Where something used its turn, a person looks what it was: signers may have
    put their signatures together elsewhere, and sent it themselves."""
    if ledger.lapsed(row):
        return LedgerEnd("expired", "it waited for signatures until its end")
    if ledger.turn_is_used(row):
        return LedgerEnd("unknown", _USELESS)
    return LedgerEnd("unknown", "it waits for signatures")


def fail_for_good(settings: Settings, db: Database, ledger: TreasuryLedger, row: LedgerTxRow, words: str) -> Settled:
    """End a transaction that its ledger will never take as it is, unless the ledger holds it."""
    end = ledger.end_of(row)
    return _kept(settings, db, row, LedgerEnd("failed", words) if end.state == "unknown" else end)


def _kept(settings: Settings, db: Database, asked: LedgerTxRow, end: LedgerEnd) -> Settled:
    if end.state == "unknown":
        return Settled(asked.proposal_id, asked.state, end.code, None, asked.hash)
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        proposal = held(connection, asked.proposal_id)
        row = transaction_of(connection, asked.proposal_id, for_step=True)
        assert row  # transactions are never deleted
        if row.state == asked.state:
            row = _moved(connection, proposal, row, end, events)
        append_all(settings, connection, events)
    return Settled(row.proposal_id, row.state, row.outcome, row.outcome_ledger, row.hash)


def _moved(
    connection: Connection, proposal: ProposalRow, row: LedgerTxRow, end: LedgerEnd, events: list[NewAuditEvent]
) -> LedgerTxRow:
    if row.state != "submitted" and end.state == "superseded":
        taken(connection, proposal, "lapse", CLOCK, events, end.code)
        return tx_step(connection, row, "cancel", CLOCK, events, outcome=end.code)
    if row.state == "ready_to_submit" and end.ledger is not None:
        # somebody else sent the signed bytes
        proposal = taken(connection, proposal, "submit", CLOCK, events)
        row = tx_step(connection, row, "submit", CLOCK, events, submitted_ledger=end.ledger)
    event = _STEPS[end.state]
    reason = "" if event == "confirm" else end.code
    moved = tx_step(connection, row, event, CLOCK, events, outcome=end.code, ledger=end.ledger)
    proposal = taken(connection, proposal, event, CLOCK, events, reason)
    if event == "confirm":
        events += business_events(proposal, moved, CLOCK, escrow_of_proposal(connection, proposal.proposal_id))
        if proposal.kind == ANCHOR:
            _keep_anchor(connection, proposal, moved)
    return moved


def _keep_anchor(connection: Connection, proposal: ProposalRow, row: LedgerTxRow) -> None:
    """Keep a confirmed anchor: proofs name it from then on."""
    place, size = place_of(row), payload_of(proposal)["intent"]["params"]["size"]
    assert place is not None  # it is confirmed
    add_anchor(connection, Anchor(size, row.ledger, row.network, row.account, place.tx, place.position))
