"""What nobody asks for: escrows whose end comes, and those whose transaction was cancelled before it was sent, by the
ledger's time."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.escrows.events import CANCEL, FINISH
from fntx_dagster.intents.refusal import TransactionRefused
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.escrows.moving import XRPL
from fntx_dagster.services.escrows.steps import escrow_step, held_escrow
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.transactions.ledgers import TreasuryLedger
from fntx_dagster.services.transactions.opening import opened
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.escrows import EscrowRow, escrows, proposals_of
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.transactions import LedgerTxRow, transaction_of

WARNED = (timedelta(days=7), timedelta(days=1))
"""So long before cancel_after there is an alert, once for each."""
ON_LEDGER = ("Active", "Finishing", "Cancelling", "Disputed")
_BY = "system:escrows"
_FAILS = {"Finishing": (FINISH, "fail_finish"), "Cancelling": (CANCEL, "fail_cancel")}


class WatchedEscrows(NamedTuple):
    """What a look at the escrows found: how many a ledger holds, those that went back to Active, what alerts are
    about."""

    looked: int
    returned: list[UUID]
    findings: list[Finding]


def watch_escrows(settings: Settings, db: Database) -> WatchedEscrows:
    """Raise an alert 7 days and 1 day before an escrow can be cancelled, each once, and resolve those of escrows that
    are over; take escrows back to Active whose transaction was cancelled and can be in no ledger any more. Raises
    Transient where no server answers: nothing is resolved then."""
    with db.connect() as connection:
        rows = escrows(connection, ON_LEDGER)
    if not rows:
        record(db, [Observed("escrow", "escrows", [])])
        return WatchedEscrows(0, [], [])
    findings: list[Finding] = []
    returned: list[UUID] = []
    with opened(settings, configured(settings), XRPL) as ledger:
        close = ledger.closed_at()
        for row in rows:
            assert row.cancel_after is not None  # it is on its ledger
            left = row.cancel_after - close
            findings += [_ending(row, warned) for warned in WARNED if left <= warned]
            if row.state in _FAILS and (undone := _cancelled(db, row)) is not None:
                if not (ledger.lapsed(undone) or ledger.turn_is_used(undone)):
                    continue
                if _is_there(ledger, row):
                    returned += [row.escrow_id] if _returned(db, row.escrow_id) else []
                else:
                    findings.append(_gone(row))
    record(db, [Observed("escrow", "escrows", findings)])
    return WatchedEscrows(len(rows), returned, findings)


def _is_there(ledger: TreasuryLedger, row: EscrowRow) -> bool:
    assert row.sequence is not None  # it is on its ledger
    try:
        ledger.escrow(row.owner, row.sequence)
    except TransactionRefused as refusal:
        if refusal.code == "no_escrow":
            return False
        raise
    return True


def _ending(row: EscrowRow, warned: timedelta) -> Finding:
    days = "7 days" if warned.days > 1 else "1 day"
    text = f"The escrow {row.escrow_id} can be cancelled after {row.cancel_after:%Y-%m-%d %H:%M} UTC, and finished no "
    return Finding(f"{row.escrow_id} {days}", f"{text}more then: {days} or less are left")


def _gone(row: EscrowRow) -> Finding:
    words = "is not on its ledger any more, and its transaction was cancelled here: signers sent it themselves"
    return Finding(f"{row.escrow_id} gone", f"The escrow {row.escrow_id} {words}. Compare it with the ledger")


def _cancelled(db: Database, row: EscrowRow) -> LedgerTxRow | None:
    with db.connect() as connection:
        return _newest(connection, row)


def _newest(connection: Connection, row: EscrowRow) -> LedgerTxRow | None:
    """The transaction of an escrow's state, where it was cancelled before it was sent."""
    kind, _ = _FAILS[row.state]
    ids = [each.proposal_id for each in proposals_of(connection, row.escrow_id) if each.kind == kind]
    found = transaction_of(connection, ids[-1]) if ids else None
    return found if found is not None and found.state == "cancelled" else None


def _returned(db: Database, escrow_id: UUID) -> bool:
    with entered(db) as connection:
        row = held_escrow(connection, escrow_id)
        if row.state not in _FAILS or (undone := _newest(connection, row)) is None:
            return False  # another process was first
        reason = "its transaction was cancelled, and no ledger can hold it any more"
        escrow_step(connection, row, _FAILS[row.state][1], _BY, reason, undone.proposal_id)
    return True
