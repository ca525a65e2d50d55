"""Transactions of the treasury and their signatures. A step is one statement that names the state from which it
goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import args_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns
from fntx_dagster.store.treasury.proposals import ProposalRow

OPEN_STATES = ("pending_signature", "partially_signed", "ready_to_submit", "submitted")
"""A transaction in one of them may still get into a ledger by us."""
UNSIGNED_STATES = ("pending_signature", "partially_signed")
"""A transaction in one of them waits for signatures."""


class LedgerTxRow(NamedTuple):
    """A transaction. `network`: the network id in digits, or the passphrase; `ends_at`: its last ledger, or seconds
    since 1970; `signers`: address → weight; `standing_id`: the standing approval that it was prepared under, for
    one key that signs it alone."""

    tx_id: UUID
    proposal_id: UUID
    ledger: str
    network: str
    account: str
    unsigned: str
    sha256: str
    sequence: int | None
    ticket: int | None
    fee: Decimal
    ends_at: int
    signers: dict[str, int]
    needed: int
    prepared_ledger: int
    prepared_at: datetime
    state: str
    signed: str | None = None
    hash: str | None = None
    submitted_ledger: int | None = None
    sent: int = 0
    sent_at: datetime | None = None
    answer: str = ""
    outcome: str = ""
    outcome_ledger: int | None = None
    standing_id: UUID | None = None


class LedgerSignatureRow(NamedTuple):
    """A signature that verified: `part` as the signer's tools write it, with one signature."""

    signer: str
    part: dict[str, Any]
    received_at: datetime


class OpenTransaction(NamedTuple):
    """A transaction with its proposal, and the addresses that signed it."""

    row: LedgerTxRow
    proposal: ProposalRow
    signed: list[str]


def add_transaction(connection: Connection, new: LedgerTxRow) -> None:
    """Keep a transaction that was prepared."""
    connection.execute(
        f"""insert into treasury.ledger_tx ({columns(LedgerTxRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        new._replace(signers=Jsonb(new.signers)),
    )


def transaction_of(connection: Connection, proposal_id: UUID, *, for_step: bool = False) -> LedgerTxRow | None:
    """The transaction of a proposal; `for_step` holds it until the transaction of the database ends."""
    query = f"select {columns(LedgerTxRow._fields)} from treasury.ledger_tx where proposal_id = %s"
    with connection.cursor(row_factory=args_row(LedgerTxRow)) as cursor:
        return cursor.execute(f"{query} for update" if for_step else query, [proposal_id]).fetchone()


def transactions(connection: Connection, states: Sequence[str]) -> list[LedgerTxRow]:
    """Transactions in some states, the oldest first."""
    with connection.cursor(row_factory=args_row(LedgerTxRow)) as cursor:
        return cursor.execute(
            f"""select {columns(LedgerTxRow._fields)} from treasury.ledger_tx
            where state = any(%s) order by prepared_at, tx_id""",
            [list(states)],
        ).fetchall()


def open_transactions(connection: Connection) -> list[OpenTransaction]:
    """Every transaction that may still get into a ledger by us, the oldest first."""
    tx, proposal = columns(LedgerTxRow._fields, "tx"), columns(ProposalRow._fields, "proposal")
    rows = connection.execute(
        f"""select {tx}, {proposal}, array(
                select signer from treasury.ledger_signature as own where own.tx_id = tx.tx_id
                order by received_at, signer)
        from treasury.ledger_tx as tx join treasury.proposal as proposal on proposal.proposal_id = tx.proposal_id
        where tx.state = any(%s) order by tx.prepared_at, tx.tx_id""",
        [list(OPEN_STATES)],
    ).fetchall()
    many = len(LedgerTxRow._fields)
    return [OpenTransaction(LedgerTxRow(*row[:many]), ProposalRow(*row[many:-1]), row[-1]) for row in rows]


def hold_account(connection: Connection, ledger: str, account: str) -> None:
    """Let nobody else take a sequence or a ticket of an account before the transaction ends."""
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('fntx treasury account ' || %s || ' ' || %s, 0))",
        [ledger, account],
    )


def known_ledger(connection: Connection, ledger: str, account: str, day: date) -> int | None:
    """The last ledger after which a transaction of an account was prepared before a day (UTC); the first that is known
    of it where that was later, None where none is known."""
    row = connection.execute(
        """select coalesce(max(prepared_ledger) filter (where prepared_at < %s::date::timestamp at time zone 'UTC'),
            min(prepared_ledger)) from treasury.ledger_tx where (ledger, account) = (%s, %s)""",
        [day, ledger, account],
    ).fetchone()
    return row[0] if row else None


def last_prepared(connection: Connection, ledger: str, network: str) -> tuple[int, datetime] | None:
    """The validated ledger at which a transaction was prepared last on a network, and when; None before the first."""
    return connection.execute(
        """select prepared_ledger, prepared_at from treasury.ledger_tx where (ledger, network) = (%s, %s)
        order by prepared_at desc limit 1""",
        [ledger, network],
    ).fetchone()


def turns_taken(connection: Connection, ledger: str, network: str, account: str) -> set[int]:
    """The sequences and tickets of an account that an open transaction of ours has, or one that is in a ledger: both
    are numbers of the same row, and each is used once. What one had that was cancelled or has expired is free."""
    rows = connection.execute(
        """select coalesce(sequence, ticket) from treasury.ledger_tx
        where (ledger, network, account) = (%s, %s, %s) and (state = any(%s) or outcome_ledger is not null)""",
        [ledger, network, account, list(OPEN_STATES)],
    )
    return {int(row[0]) for row in rows}


def move_transaction(
    connection: Connection,
    row: LedgerTxRow,
    to: str,
    *,
    outcome: str = "",
    outcome_ledger: int | None = None,
    submitted_ledger: int | None = None,
) -> bool:
    """Take a transaction from the state of `row` to another; False where it is in that state no more."""
    return (
        connection.execute(
            """update treasury.ledger_tx set state = %s, outcome = %s, outcome_ledger = %s,
                submitted_ledger = coalesce(submitted_ledger, %s), updated_at = clock_timestamp()
            where tx_id = %s and state = %s""",
            [to, outcome, outcome_ledger, submitted_ledger, row.tx_id, row.state],
        ).rowcount
        == 1
    )


def keep_signed(connection: Connection, tx_id: UUID, signed: str, digest: str) -> None:
    """Keep the signed bytes, which never change from then on."""
    connection.execute(
        "update treasury.ledger_tx set signed = %s, hash = %s, updated_at = clock_timestamp() where tx_id = %s",
        [signed, digest, tx_id],
    )


def record_sending(connection: Connection, tx_id: UUID, answer: str) -> None:
    """Keep what a server answered to the bytes."""
    connection.execute(
        """update treasury.ledger_tx set sent = sent + 1, sent_at = clock_timestamp(), answer = %s,
            updated_at = clock_timestamp() where tx_id = %s""",
        [answer, tx_id],
    )


def add_signature(connection: Connection, tx_id: UUID, signer: str, part: dict[str, Any]) -> None:
    """Keep a signature that verified."""
    connection.execute(
        "insert into treasury.ledger_signature (tx_id, signer, part) values (%s, %s, %s)", [tx_id, signer, Jsonb(part)]
    )


def signatures_of(connection: Connection, tx_id: UUID) -> list[LedgerSignatureRow]:
    """The signatures of a transaction, in the order in which they came."""
    with connection.cursor(row_factory=args_row(LedgerSignatureRow)) as cursor:
        return cursor.execute(
            """select signer, part, received_at from treasury.ledger_signature where tx_id = %s
            order by received_at, signer""",
            [tx_id],
        ).fetchall()
