"""The queue: what waits for a person or for a ledger, from its approval to its end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.intents.wording import moment
from fntx_dagster.services.governance.holding import held
from fntx_dagster.services.transactions.signatures import MASTER
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.proposals import ProposalRow, proposals
from fntx_dagster.store.treasury.signer_sets import signers_of
from fntx_dagster.store.treasury.transactions import OPEN_STATES, LedgerTxRow, signatures_of, transactions


class QueuedTransaction(NamedTuple):
    """A transaction, or an approved proposal that has none yet: then `ledger` and what follows it are empty. `next`:
    the command that goes on; `ends`: the last ledger or time, after which the bytes are useless; `held`: which match
    on a list holds it back, and what ends that; empty where none does."""

    proposal_id: UUID
    kind: str
    state: str
    next: str
    ledger: str | None = None
    account: str | None = None
    sequence: int | None = None
    ticket: int | None = None
    fee: str | None = None
    ends: str | None = None
    hash: str | None = None
    signed_by: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    answer: str = ""
    held: str = ""


_NEXT = {
    "pending_signature": "export",
    "partially_signed": "import",
    "ready_to_submit": "submit",
    "submitted": "confirm",
}


def queue(db: Database) -> list[QueuedTransaction]:
    """What is approved and not yet at its end, the oldest transaction first."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        known = {row.proposal_id: row for row in proposals(connection)}
        queued = [
            QueuedTransaction(row.proposal_id, row.kind, row.state, "export", held=_held(connection, row))
            for row in reversed(known.values())
            if row.state == "approved" and KINDS[row.kind].ops and row.expires_at > datetime.now(UTC)
        ]
        for row in transactions(connection, OPEN_STATES):
            proposal = known[row.proposal_id]
            names = {}
            for signer in signers_of(connection, proposal.signer_set):
                names[signer.xrpl if row.ledger == "xrpl" else signer.stellar] = signer.signer_id
            names[row.account] = MASTER
            signed = {each.signer for each in signatures_of(connection, row.tx_id)}
            queued.append(_queued(proposal, row, names, signed)._replace(held=_held(connection, proposal)))
    return queued


def _held(connection: Connection, row: ProposalRow) -> str:
    holding = held(connection, row)
    return holding.words if holding else ""


def _queued(proposal: ProposalRow, row: LedgerTxRow, names: dict[str, str], signed: set[str]) -> QueuedTransaction:
    by = {address: names.get(address, address) for address in row.signers}
    return QueuedTransaction(
        row.proposal_id,
        proposal.kind,
        row.state,
        "sign-anchors" if row.standing_id and row.state == "pending_signature" else _NEXT[row.state],
        row.ledger,
        row.account,
        row.sequence,
        row.ticket,
        str(row.fee),
        f"ledger {row.ends_at}" if row.ledger == "xrpl" else moment(row.ends_at),
        row.hash,
        tuple(sorted(by[address] for address in row.signers if address in signed)),
        tuple(sorted(by[address] for address in row.signers if address not in signed)),
        row.answer,
    )
