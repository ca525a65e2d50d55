"""What this database knows to be on the ledgers: transactions with what they were for, checkpoints, anchors, keys."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection


class SentTransactionRow(NamedTuple):
    """A transaction that is signed: in a ledger, if `outcome_ledger` says which, or on its way. `payload` is canonical
    JSON; `signers`: address → weight, of those who may sign it."""

    ledger: str
    account: str
    state: str
    hash: str
    signed: str
    outcome_ledger: int | None
    signers: dict[str, int]
    standing_id: UUID | None
    payload: str

    @property
    def intent(self) -> dict[str, Any]:
        return json.loads(self.payload)["intent"]


class CheckpointMark(NamedTuple):
    """A checkpoint: its size, its root and when it was made (aware)."""

    size: int
    root: bytes
    made_at: datetime


class StandingKeyRow(NamedTuple):
    """A key that a standing approval lets, or once let, sign alone: `template` is canonical JSON."""

    key: str
    template: str
    is_active: bool


def sent_transactions(connection: Connection, networks: Sequence[tuple[str, str]]) -> list[SentTransactionRow]:
    """The signed transactions on these networks, each named by its ledger and its id or passphrase: those in a ledger,
    failed ones too, and those that may still get into one."""
    ledgers, names = [each[0] for each in networks], [each[1] for each in networks]
    with connection.cursor(row_factory=args_row(SentTransactionRow)) as cursor:
        return cursor.execute(
            """select tx.ledger, tx.account, tx.state, tx.hash, tx.signed, tx.outcome_ledger, tx.signers,
                tx.standing_id, own.payload
            from treasury.ledger_tx as tx join treasury.proposal as own using (proposal_id)
            where (tx.ledger, tx.network) in (select * from unnest(%s::text[], %s::text[])) and tx.signed is not null
                and (tx.outcome_ledger is not null or tx.state in ('ready_to_submit', 'submitted'))
            order by tx.prepared_at, tx.tx_id""",
            [ledgers, names],
        ).fetchall()


def checkpoint_marks(connection: Connection) -> list[CheckpointMark]:
    """Every checkpoint, the smallest first."""
    with connection.cursor(row_factory=args_row(CheckpointMark)) as cursor:
        return cursor.execute("select size, root, made_at from treasury.audit_checkpoint order by size").fetchall()


def anchored_sizes(connection: Connection) -> dict[str, int]:
    """Ledger → how many events its newest anchor covers."""
    return dict(connection.execute("select ledger, max(size) from treasury.anchor group by ledger").fetchall())


def standing_keys(connection: Connection, at: datetime) -> list[StandingKeyRow]:
    """The keys of all standing approvals, and which are active at a time (aware)."""
    with connection.cursor(row_factory=args_row(StandingKeyRow)) as cursor:
        return cursor.execute(
            """select key, template, state = 'active' and ends_at > %s from treasury.standing_approval
            order by ends_at, proposal_id""",
            [at],
        ).fetchall()
