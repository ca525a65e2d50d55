"""Preparing: the unsigned transaction of an approved proposal, with what only the ledger can say filled in."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.escrows.events import APPROVE, ARBITRATE, RELEASE
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import ANCHOR, DISTRIBUTIONS, KINDS
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.anchoring.heads import is_on_ledger
from fntx_dagster.services.anchoring.intents import anchor_source, signed_checkpoint
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.distributions.repeating import require_unpaid
from fntx_dagster.services.execution.switching import require_trading
from fntx_dagster.services.governance.asking import finished_escrow, require_parties
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import active_set, approved_config
from fntx_dagster.services.governance.deciding import payload_of
from fntx_dagster.services.governance.payloads import check_intent, is_batch
from fntx_dagster.services.governance.rejudging import require_approved
from fntx_dagster.services.governance.screening import note_blocked
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import NoSuchProposal, held, require_running, taken
from fntx_dagster.services.screening.gating import CLEARED, HIT, GateAnswer, NotCleared, gate
from fntx_dagster.services.transactions.ledgers import LedgerTerms, TreasuryLedger, UnsignedBytes
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.plausible import require_possible_step
from fntx_dagster.services.transactions.steps import tx_event
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, proposal
from fntx_dagster.store.treasury.transactions import (
    OPEN_STATES,
    UNSIGNED_STATES,
    LedgerTxRow,
    add_transaction,
    hold_account,
    last_prepared,
    transaction_of,
    transactions,
    turns_taken,
)

_CONFIGURATION = 3
"""Approvals of a kind that changes who may do what: on the XRP Ledger, which has one quorum, so many sign it too."""


def prepare(settings: Settings, db: Database, proposal_id: UUID, by: str = TERMINAL) -> LedgerTxRow:
    """Prepare the transaction of an approved proposal; asked again while it waits for signatures, the same one. Its
    parties are screened again before.

    Raises Permanent where it is not approved, while the treasury is paused, where the configuration is another than the
    approved one, where a party is not cleared; TransactionRefused where the transaction would fail on the ledger;
    Transient where a server does not answer."""
    try:
        return _prepared(settings, db, proposal_id, by)
    except StepImpossible:
        with db.connect() as connection:
            row = transaction_of(connection, proposal_id)
        if row is None or row.state not in UNSIGNED_STATES:
            raise
        return row  # another has prepared it, before or meanwhile


def _prepared(settings: Settings, db: Database, proposal_id: UUID, by: str) -> LedgerTxRow:
    with db.connect() as connection:
        row = _approved(proposal(connection, proposal_id), proposal_id, time_after_log(connection))
        config = _allowed(settings, connection, row)
        payload = payload_of(row)
        earlier = under_way(connection, payload)
    if row.kind == ANCHOR:
        _require_news(settings, db, payload, config)
    with opened(settings, config, payload["ledger"]) as ledger:
        escrow = finished_escrow(ledger, config, row.kind, payload)
        terms = ledger.terms(payload, _least(row), earlier)
        with entered(db) as connection:
            row = _approved(held(connection, proposal_id), proposal_id, time_after_log(connection))
            if _allowed(settings, connection, row).hash != config.hash:
                raise Transient("the configuration changed meanwhile", "Prepare it again")
            require_parties(connection, config, row.kind, payload, escrow, row.parties)
            answer = _screened(settings, connection, row, by)
            events: list[NewAuditEvent] = []
            prepared = None
            if answer is not None and answer.decision == HIT:
                taken(connection, row, "hit", by, events, "a party has a match on a sanctions list")
            else:
                prepared = keep_prepared(connection, ledger, row, payload, terms)
                events.append(tx_event(prepared, "prepare", by))
                taken(connection, row, "prepare", by, events)
            append_all(settings, connection, events)
    if prepared is None:
        note_blocked(db)
        raise NotCleared("a party has a match on a sanctions list", "`fntx compliance dispose` decides on the match")
    return prepared


def command_when_approved(row: ProposalRow) -> str:
    """The command that goes on with a proposal that is approved; empty where the approval itself was all."""
    if row.kind == "account.setup":
        return f"fntx treasury setup {payload_of(row)['ledger']} -o DIR"
    if row.kind in DISTRIBUTIONS:
        return f"fntx bond pay {payload_of(row)['distribution']} -o DIR"
    if row.kind == "signer.rotate":
        return "fntx treasury rotation -o DIR"
    if command := _ESCROW_COMMANDS.get(row.kind):
        about = payload_of(row)["escrow"]
        return f"fntx escrow {command} {about if isinstance(about, str) else about['id']} -o DIR"
    if is_batch(row.kind, payload_of(row)):
        return "fntx strategy advance -o DIR"
    return f"fntx treasury export {row.proposal_id} -o DIR" if KINDS[row.kind].ops else ""


_ESCROW_COMMANDS = {APPROVE: "create", RELEASE: "finish", ARBITRATE: "cancel"}


def _approved(row: ProposalRow | None, proposal_id: UUID, now: datetime) -> ProposalRow:
    if row is None:
        raise NoSuchProposal(proposal_id)
    if not KINDS[row.kind].ops or is_batch(row.kind, payload_of(row)):
        if command := command_when_approved(row):
            raise StepImpossible(f"a proposal of the kind {row.kind} has several transactions", f"`{command}` goes on")
        raise StepImpossible(
            f"a proposal of the kind {row.kind} moves nothing on a ledger", "It takes effect when approved"
        )
    if row.state != "approved":
        raise StepImpossible(f"the proposal is {row.state}", "A transaction is prepared of one that is approved")
    if row.expires_at <= now:
        raise StepImpossible("the approvals of the proposal have expired", "Make a new proposal")
    return row


def _allowed(settings: Settings, connection: Connection, row: ProposalRow) -> TreasuryConfig:
    """The configuration, where the treasury goes on and the intent is one of it."""
    require_running(connection, row.kind)
    config = approved_config(settings, connection)
    check_intent(payload_of(row), row.kind, config)
    require_approved(connection, row)
    require_trading(connection, row)
    require_unpaid(connection, row.proposal_id)
    if KINDS[row.kind].stops and row.signer_set != active_set(connection).version:
        raise StepImpossible("the proposal was approved under an earlier set of signers", "Make a new proposal")
    return config


def _require_news(settings: Settings, db: Database, payload: dict[str, Any], config: TreasuryConfig) -> None:
    """Raise Permanent where the ledger holds the checkpoint that is to be anchored, or another history of the log."""
    with db.connect() as connection:
        checkpoint = signed_checkpoint(settings, connection, payload["intent"]["params"]["size"])
    if is_on_ledger(settings, db, anchor_source(config, payload["ledger"]), checkpoint):
        raise Permanent("the ledger holds this checkpoint, or a later one", "The next anchor is of a later one")


def _least(row: ProposalRow) -> int:
    return row.threshold if KINDS[row.kind].approvals == _CONFIGURATION else 1


def under_way(connection: Connection, payload: dict[str, Any]) -> list[dict[str, Any]]:
    """The payloads of the account's transactions that are open."""
    place = (payload["ledger"], payload["intent"]["account"])
    rows = [row for row in transactions(connection, OPEN_STATES) if (row.ledger, row.account) == place]
    proposals = [proposal(connection, row.proposal_id) for row in rows]
    return [payload_of(row) for row in proposals if row is not None]


def _screened(settings: Settings, connection: Connection, row: ProposalRow, by: str) -> GateAnswer | None:
    if not KINDS[row.kind].screened:
        return None
    answer = gate(settings, connection, row.parties, f"proposal:{row.proposal_id}", by=by)
    if answer.decision not in (CLEARED, HIT):
        raise NotCleared(
            f"nobody can be cleared: {', '.join(answer.problems) or answer.decision}", "`fntx compliance load` a list"
        )
    return answer


def keep_prepared(
    connection: Connection,
    ledger: TreasuryLedger,
    row: ProposalRow,
    payload: dict[str, Any],
    terms: LedgerTerms,
    standing_id: UUID | None = None,
) -> LedgerTxRow:
    """The transaction with its turn: a ticket where one is free, so that it holds up no other; else the lowest sequence
    that no other has. One that lapsed or was cancelled leaves a gap, and none after it gets into a ledger before the
    gap is filled. Under a standing approval one key signs it alone. It is kept in the transaction of the connection,
    whose caller takes the steps that belong to it."""
    name, network, account = payload["ledger"], str(payload["network_id"]), payload["intent"]["account"]
    hold_account(connection, name, account)
    if (last := last_prepared(connection, name, network)) is not None:
        require_possible_step(name, last[0], last[1], terms.head, "height")
    taken_turns = turns_taken(connection, name, network, account)
    ticket = next((each for each in terms.tickets if each not in taken_turns), None)
    sequence = next(each for each in count(terms.sequence) if each not in taken_turns)
    unsigned: UnsignedBytes = ledger.build(payload, terms, sequence, ticket)
    new = LedgerTxRow(
        tx_id=uuid4(),
        proposal_id=row.proposal_id,
        ledger=name,
        network=network,
        account=account,
        unsigned=unsigned.text,
        sha256=hashlib.sha256(unsigned.content).hexdigest(),
        sequence=sequence if ticket is None else None,
        ticket=ticket,
        fee=Decimal(unsigned.fee),
        ends_at=terms.ends_at,
        signers=terms.signers,
        needed=terms.needed,
        prepared_ledger=terms.head,
        prepared_at=datetime.now(UTC),
        state="pending_signature",
        standing_id=standing_id,
    )
    add_transaction(connection, new)
    return new
