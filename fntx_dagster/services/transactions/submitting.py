"""Submitting: the saved bytes are sent, never others. The step is kept before the first byte leaves."""

from __future__ import annotations

from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.governance.config import TreasuryConfig
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.governance.machines import StepImpossible
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.distributions.repeating import require_unpaid
from fntx_dagster.services.escrows.sending import require_in_time
from fntx_dagster.services.execution.by_hand import judge_again
from fntx_dagster.services.execution.switching import require_trading
from fntx_dagster.services.governance.configuration import approved_config
from fntx_dagster.services.governance.screening import note_blocked, reason_of
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.governance.steps import held, require_running, taken
from fntx_dagster.services.screening.gating import CLEARED, NotCleared, gate
from fntx_dagster.services.transactions.ledgers import LedgerAnswer, TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.services.transactions.settling import Settled, fail_for_good
from fntx_dagster.services.transactions.steps import tx_step
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import kind_of_proposal, proposal
from fntx_dagster.store.treasury.transactions import LedgerTxRow, record_sending, transaction_of


def submit(settings: Settings, db: Database, proposal_id: UUID, by: str = TERMINAL) -> Settled:
    """Send the signed bytes of a proposal's transaction; of one that is submitted already, send the same again. What
    the server answers decides nothing: `confirm` does.

    Raises Permanent where it is not signed, while the treasury is paused, where a party is not cleared, and
    for an order of the desk that breaks its limits; Transient where
    the server does not answer before anything is sent."""
    with db.connect() as connection:
        row = _sendable(transaction_of(connection, proposal_id))
        config = _allowed(settings, connection, proposal_id)
        whole = proposal(connection, proposal_id)
    is_again = row.state == "submitted"
    with opened(settings, config, row.ledger) as ledger:
        if row.state == "ready_to_submit":
            require_in_time(db, ledger, proposal_id)
            if whole is not None:
                judge_again(settings, db, config, whole)
            _begun(settings, db, proposal_id, ledger.head(), by)
        row, answer = send(db, ledger, proposal_id)
        if answer is not None and answer.never:
            return fail_for_good(settings, db, ledger, row, answer.words)
    words = answer.words if answer else ""
    if is_again and row.state == "submitted":
        words = (
            f"already submitted; `fntx treasury confirm {proposal_id}` asks what became of it. Now it answered: {words}"
        )
    return Settled(row.proposal_id, row.state, words, row.outcome_ledger, row.hash)


def send(db: Database, ledger: TreasuryLedger, proposal_id: UUID) -> tuple[LedgerTxRow, LedgerAnswer | None]:
    """Send the bytes of a transaction that is submitted; None where it is not any more. A pause that is decided
    meanwhile waits for the answer, and none is sent after it."""
    with entered(db) as connection:
        require_running(connection, kind_of_proposal(connection, proposal_id))
        if (asked := proposal(connection, proposal_id)) is not None:
            require_trading(connection, asked)
        row = _sendable(transaction_of(connection, proposal_id, for_step=True))
        if row.state != "submitted":
            return row, None
        require_unpaid(connection, proposal_id, row.hash)
        answer = ledger.send(row)
        record_sending(connection, row.tx_id, answer.words)
    return row._replace(answer=answer.words), answer


def _begun(settings: Settings, db: Database, proposal_id: UUID, head: int, by: str) -> None:
    """Take the step to submitted, where the parties are still cleared."""
    with entered(db) as connection:
        _allowed(settings, connection, proposal_id)
        whole = held(connection, proposal_id)
        row = _sendable(transaction_of(connection, proposal_id, for_step=True))
        if row.state != "ready_to_submit":
            return  # another process was first: the same bytes are sent
        require_unpaid(connection, proposal_id, row.hash)
        is_screened = KINDS[whole.kind].screened
        answer = gate(settings, connection, whole.parties, f"proposal:{proposal_id}", by=by) if is_screened else None
        if answer is None or answer.decision == CLEARED:
            events: list[NewAuditEvent] = []
            taken(connection, whole, "submit", by, events)
            tx_step(connection, row, "submit", by, events, submitted_ledger=head)
            append_all(settings, connection, events)
            return
    note_blocked(db)
    raise NotCleared(
        f"a party of the proposal is not cleared, and nothing is sent: {reason_of(answer)}",
        "`fntx compliance dispose` decides on a match; `fntx treasury show` says what ends the proposal",
    )


def _allowed(settings: Settings, connection: Connection, proposal_id: UUID) -> TreasuryConfig:
    require_running(connection, kind_of_proposal(connection, proposal_id))
    if (row := proposal(connection, proposal_id)) is not None:
        require_trading(connection, row)
    return approved_config(settings, connection)


def _sendable(row: LedgerTxRow | None) -> LedgerTxRow:
    if row is None:
        raise StepImpossible(
            "the proposal has no transaction", "`fntx treasury export ID -o DIR` prepares it for signing"
        )
    if row.signed is None:
        raise StepImpossible(
            f"the transaction is {row.state}", "`fntx treasury import FILE` takes the missing signatures"
        )
    return row
