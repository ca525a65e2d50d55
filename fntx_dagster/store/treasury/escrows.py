"""Escrows, their steps, the proposals about them, and the documents attested. A step is one statement that names the
state from which it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class SealedPreimage(NamedTuple):
    """A preimage as it is kept: sealed, with the name of its key."""

    key_id: str
    nonce: bytes
    content: bytes

    def __repr__(self) -> str:
        return f"SealedPreimage({self.key_id})"


class EscrowRow(NamedTuple):
    """An escrow. `amount` in tokens, or in drops where `currency` is None; `sequence`: that or the ticket of its
    creation, with which its owner's address names it on the ledger. Times are the ledger's."""

    escrow_id: UUID
    template: str
    bond_id: str | None
    network_id: int
    owner: str
    destination: str
    destination_tag: int | None
    currency: str | None
    issuer: str | None
    amount: Decimal
    condition: str
    parties: list[str]
    proposed_by: str
    proposed_at: datetime
    state: str
    reason: str = ""
    prepared_close: datetime | None = None
    finish_after: datetime | None = None
    cancel_after: datetime | None = None
    sequence: int | None = None
    created_ledger: int | None = None


class EscrowStepRow(NamedTuple):
    """A step of an escrow: who took it, and with which proposal."""

    step_no: int
    event: str
    before: str
    after: str
    taken_by: str
    reason: str
    proposal_id: UUID | None
    taken_at: datetime


class EscrowDocumentRow(NamedTuple):
    """A document that somebody attested, by the hash of its bytes in lower-case hex."""

    sha256: str
    title: str
    attested_by: str
    attested_at: datetime


class EscrowProposalRow(NamedTuple):
    """A proposal about an escrow."""

    proposal_id: UUID
    kind: str
    state: str
    covered_by: UUID | None
    created_at: datetime
    expires_at: datetime
    reason: str


class EscrowTimes(NamedTuple):
    """The times of an escrow, and the close time of the ledger from which they are counted."""

    prepared_close: datetime
    finish_after: datetime | None
    cancel_after: datetime


def add_escrow(connection: Connection, new: EscrowRow, preimage: SealedPreimage) -> None:
    """Keep an escrow that was proposed."""
    connection.execute(
        f"""insert into treasury.escrow ({columns(EscrowRow._fields)}, key_id, nonce, sealed)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        [*new, *preimage],
    )


def escrow(connection: Connection, escrow_id: UUID, *, for_step: bool = False) -> EscrowRow | None:
    """An escrow; `for_step` holds it until the transaction ends."""
    query = f"select {columns(EscrowRow._fields)} from treasury.escrow where escrow_id = %s"
    with connection.cursor(row_factory=args_row(EscrowRow)) as cursor:
        return cursor.execute(f"{query} for update" if for_step else query, [escrow_id]).fetchone()


def sealed_preimage(connection: Connection, escrow_id: UUID) -> SealedPreimage:
    """The sealed preimage of an escrow that is there."""
    with connection.cursor(row_factory=args_row(SealedPreimage)) as cursor:
        found = cursor.execute(
            "select key_id, nonce, sealed from treasury.escrow where escrow_id = %s", [escrow_id]
        ).fetchone()
    assert found  # escrows are never deleted
    return found


def escrows(connection: Connection, states: Sequence[str] | None = None, limit: int | None = None) -> list[EscrowRow]:
    """Escrows in some states, or all; the newest first, and so many at most."""
    with connection.cursor(row_factory=args_row(EscrowRow)) as cursor:
        return cursor.execute(
            f"""select {columns(EscrowRow._fields)} from treasury.escrow
            where %(states)s::text[] is null or state = any(%(states)s)
            order by proposed_at desc, escrow_id limit %(limit)s""",
            {"states": None if states is None else list(states), "limit": limit},
        ).fetchall()


def escrows_of_bond(connection: Connection, bond_id: str) -> list[EscrowRow]:
    """The escrows that fund a bond, the oldest first: each with its state, its token and its amount. One that is
    Active, Finishing or Released has its creation in the validated ledger `created_ledger`."""
    with connection.cursor(row_factory=args_row(EscrowRow)) as cursor:
        return cursor.execute(
            f"""select {columns(EscrowRow._fields)} from treasury.escrow where bond_id = %s
            order by proposed_at, escrow_id""",
            [bond_id],
        ).fetchall()


def escrow_named(connection: Connection, network_id: int, owner: str, sequence: int) -> EscrowRow | None:
    """The escrow that has these on the ledger; None where it is none of ours."""
    with connection.cursor(row_factory=args_row(EscrowRow)) as cursor:
        return cursor.execute(
            f"""select {columns(EscrowRow._fields)} from treasury.escrow
            where (network_id, owner, sequence) = (%s, %s, %s)""",
            [network_id, owner, sequence],
        ).fetchone()


def move_escrow(connection: Connection, escrow_id: UUID, state: str, to: str, reason: str) -> bool:
    """Take an escrow from one state to another; False where it is not in that state."""
    return (
        connection.execute(
            """update treasury.escrow set state = %s, reason = %s, updated_at = clock_timestamp()
            where escrow_id = %s and state = %s""",
            [to, reason, escrow_id, state],
        ).rowcount
        == 1
    )


def set_times(connection: Connection, escrow_id: UUID, times: EscrowTimes) -> None:
    """Keep the times of the creation that was prepared last."""
    connection.execute(
        """update treasury.escrow set prepared_close = %s, finish_after = %s, cancel_after = %s,
            updated_at = clock_timestamp() where escrow_id = %s""",
        [*times, escrow_id],
    )


def set_place(connection: Connection, escrow_id: UUID, sequence: int, ledger: int) -> None:
    """Keep what names an escrow on the ledger: the sequence or the ticket of its creation, and the ledger that holds
    that."""
    connection.execute(
        """update treasury.escrow set sequence = %s, created_ledger = %s, updated_at = clock_timestamp()
        where escrow_id = %s""",
        [sequence, ledger, escrow_id],
    )


def add_step(connection: Connection, escrow_id: UUID, step: EscrowStepRow) -> None:
    """Keep a step, in a transaction that holds its escrow; its number and its time are given here."""
    connection.execute(
        """insert into treasury.escrow_step (escrow_id, step_no, event, before, after, taken_by, reason, proposal_id)
        select %(escrow)s, 1 + count(*), %(event)s, %(before)s, %(after)s, %(taken_by)s, %(reason)s, %(proposal_id)s
        from treasury.escrow_step where escrow_id = %(escrow)s""",
        {"escrow": escrow_id, **step._asdict()},
    )


def steps_of(connection: Connection, escrow_id: UUID) -> list[EscrowStepRow]:
    """The steps of an escrow, in their order."""
    with connection.cursor(row_factory=args_row(EscrowStepRow)) as cursor:
        return cursor.execute(
            f"select {columns(EscrowStepRow._fields)} from treasury.escrow_step where escrow_id = %s order by step_no",
            [escrow_id],
        ).fetchall()


def link_proposal(connection: Connection, escrow_id: UUID, proposal_id: UUID) -> None:
    """Say that a proposal is about an escrow."""
    connection.execute(
        "insert into treasury.escrow_proposal (escrow_id, proposal_id) values (%s, %s)", [escrow_id, proposal_id]
    )


def escrow_of_proposal(connection: Connection, proposal_id: UUID) -> UUID | None:
    """The escrow that a proposal is about; None where it is about none."""
    row = connection.execute(
        "select escrow_id from treasury.escrow_proposal where proposal_id = %s", [proposal_id]
    ).fetchone()
    return row[0] if row else None


def proposals_of(connection: Connection, escrow_id: UUID) -> list[EscrowProposalRow]:
    """The proposals about an escrow, the oldest first."""
    with connection.cursor(row_factory=args_row(EscrowProposalRow)) as cursor:
        return cursor.execute(
            f"""select {columns(EscrowProposalRow._fields, "own")}
            from treasury.escrow_proposal as link join treasury.proposal as own using (proposal_id)
            where link.escrow_id = %s order by own.nonce""",
            [escrow_id],
        ).fetchall()


def add_document(connection: Connection, escrow_id: UUID, sha256: str, title: str, by: str) -> bool:
    """Keep that a document was attested; False where it was before."""
    return (
        connection.execute(
            """insert into treasury.escrow_document (escrow_id, sha256, title, attested_by) values (%s, %s, %s, %s)
            on conflict do nothing""",
            [escrow_id, sha256, title, by],
        ).rowcount
        == 1
    )


def documents_of(connection: Connection, escrow_id: UUID) -> list[EscrowDocumentRow]:
    """The documents that were attested for an escrow, the oldest first."""
    with connection.cursor(row_factory=args_row(EscrowDocumentRow)) as cursor:
        return cursor.execute(
            f"""select {columns(EscrowDocumentRow._fields)} from treasury.escrow_document where escrow_id = %s
            order by attested_at, sha256""",
            [escrow_id],
        ).fetchall()
