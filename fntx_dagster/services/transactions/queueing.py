"""The queue: what waits for a person or for a ledger, from its approval to its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.governance.config import read_config
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.intents.wording import moment
from fntx_dagster.services.governance.configuration import active_set, document_of
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.holding import held_of
from fntx_dagster.services.governance.payloads import is_batch
from fntx_dagster.services.transactions.signatures import MASTER
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.proposals import ProposalRow, approved_yet, covered
from fntx_dagster.store.treasury.signer_sets import signers_of
from fntx_dagster.store.treasury.transactions import LedgerTxRow, open_transactions


class QueuedTransaction(NamedTuple):
    """A transaction, or an approved proposal that has none yet: then `ledger` and what follows it are empty. `next`:
    the command that goes on; `ends`: the last ledger or time, after which the bytes are useless; `held`: which match
    on a list holds it back, and what ends that; empty where none does. `step`: what it does, `role`: of its account;
    empty where it has several transactions, or the account is none of ours."""

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
    step: str = ""
    role: str = ""


_PREPARED = tuple(name for name, kind in KINDS.items() if kind.ops)
_NEXT = {
    "pending_signature": "export",
    "partially_signed": "import",
    "ready_to_submit": "submit",
    "submitted": "confirm",
}


def queue(db: Database) -> list[QueuedTransaction]:
    """What is approved and not yet at its end, the oldest transaction first."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        approved = approved_yet(connection, datetime.now(UTC), _PREPARED)
        waiting = open_transactions(connection)
        holding = held_of(connection, [*approved, *(each.proposal for each in waiting)])
        held = {proposal_id: each.words for proposal_id, each in holding.items()}
        queued = [
            QueuedTransaction(row.proposal_id, row.kind, row.state, "export", held=held.get(row.proposal_id, ""))
            for row in approved
            if not is_batch(row.kind, payload_of(row))
        ]
        queued += [
            QueuedTransaction(row.proposal_id, row.kind, row.state, "advance", payload_of(row)["ledger"])
            for row in approved
            if is_batch(row.kind, payload_of(row)) and not covered(connection, row.proposal_id)
        ]
        about = {row.proposal_id: payload_of(row) for row in [*approved, *(each.proposal for each in waiting)]}
        queued += [
            QueuedTransaction(row.proposal_id, row.kind, row.state, "setup", payload_of(row)["ledger"])
            for row in approved_yet(connection, datetime.now(UTC), ("account.setup",))
            if not covered(connection, row.proposal_id)
        ]
        sets = {version: signers_of(connection, version) for version in {each.proposal.signer_set for each in waiting}}
        for row, proposal, signed in waiting:
            names = {
                signer.xrpl if row.ledger == "xrpl" else signer.stellar: signer.signer_id
                for signer in sets[proposal.signer_set]
            }
            names[row.account] = MASTER
            queued.append(_queued(proposal, row, names, {*signed})._replace(held=held.get(row.proposal_id, "")))
        roles = _roles(connection) if about else {}
    return [_described(each, about.get(each.proposal_id), roles) for each in queued]


def _described(queued: QueuedTransaction, payload: Any, roles: Mapping[str, str]) -> QueuedTransaction:
    """With what a payload does, and to whose account."""
    intent = payload.get("intent") if isinstance(payload, dict) else None
    if not isinstance(intent, dict):
        return queued
    params = intent.get("params", {})
    flags = [f"{verb} {params[verb]}" for verb in ("set", "clear") if isinstance(params.get(verb), str)]
    return queued._replace(step=" ".join([intent["op"], *flags]), role=roles.get(intent["account"], ""))


def _roles(connection: Connection) -> dict[str, str]:
    """Address → the role of our account there."""
    config = read_config(document_of(active_set(connection).config.encode()))
    return {address: role for role, address in [*config.xrpl_accounts.items(), *config.stellar_accounts.items()]}


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
