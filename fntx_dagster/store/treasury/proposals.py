"""Proposals and the decisions on them. A step is one statement that names the state from which it goes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value


class ProposalRow(NamedTuple):
    """A proposal; `payload` is canonical JSON, `parties` are ids; `covered_by`: the one whose approval stands for the
    decisions on it, None where people decide on it."""

    proposal_id: UUID
    nonce: int
    kind: str
    payload: str
    payload_hash: str
    parties: list[str]
    signer_set: int
    threshold: int
    expires_at: datetime
    proposed_by: str
    created_at: datetime
    state: str
    reason: str
    covered_by: UUID | None = None


class DecisionRow(NamedTuple):
    """A decision whose signature verified; the signature in upper-case hex."""

    signer_id: str
    decision: str
    signature: str
    decided_at: datetime


def next_nonce(connection: Connection) -> int:
    """The nonce after the last; nobody else gets one before the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended('fntx treasury nonce', 0))")
    return one_value(connection.execute("select coalesce(max(nonce), 0) + 1 from treasury.proposal"))


def add_proposal(connection: Connection, new: ProposalRow) -> None:
    """Keep a proposal."""
    connection.execute(
        f"""insert into treasury.proposal ({columns(ProposalRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        new,
    )


def proposal(connection: Connection, proposal_id: UUID, *, for_step: bool = False) -> ProposalRow | None:
    """A proposal; `for_step` holds it until the transaction ends."""
    query = f"select {columns(ProposalRow._fields)} from treasury.proposal where proposal_id = %s"
    with connection.cursor(row_factory=args_row(ProposalRow)) as cursor:
        return cursor.execute(f"{query} for update" if for_step else query, [proposal_id]).fetchone()


def kind_of_proposal(connection: Connection, proposal_id: UUID) -> str | None:
    """The kind of a proposal; None where there is none."""
    row = connection.execute("select kind from treasury.proposal where proposal_id = %s", [proposal_id]).fetchone()
    return row[0] if row else None


def proposals(connection: Connection, states: Sequence[str]) -> list[ProposalRow]:
    """Proposals in some states, newest first."""
    with connection.cursor(row_factory=args_row(ProposalRow)) as cursor:
        return cursor.execute(
            f"""select {columns(ProposalRow._fields)} from treasury.proposal
            where state = any(%s) order by nonce desc""",
            [list(states)],
        ).fetchall()


def proposals_named(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, ProposalRow]:
    """Id → proposal, of those ids that are of one."""
    with connection.cursor(row_factory=args_row(ProposalRow)) as cursor:
        rows = cursor.execute(
            f"select {columns(ProposalRow._fields)} from treasury.proposal where proposal_id = any(%s)", [list(ids)]
        ).fetchall()
    return {row.proposal_id: row for row in rows}


def approved_yet(connection: Connection, now: datetime, kinds: Sequence[str]) -> list[ProposalRow]:
    """The proposals of some kinds that are approved, and whose approvals are not over at `now` (aware), the oldest
    first."""
    with connection.cursor(row_factory=args_row(ProposalRow)) as cursor:
        return cursor.execute(
            f"""select {columns(ProposalRow._fields)} from treasury.proposal
            where state = 'approved' and kind = any(%s) and expires_at > %s order by nonce""",
            [list(kinds), now],
        ).fetchall()


def covered(connection: Connection, whole: UUID) -> list[ProposalRow]:
    """The proposals that an approval covers, in their order."""
    with connection.cursor(row_factory=args_row(ProposalRow)) as cursor:
        return cursor.execute(
            f"select {columns(ProposalRow._fields)} from treasury.proposal where covered_by = %s order by nonce",
            [whole],
        ).fetchall()


def expired_ids(connection: Connection, now: datetime, prepared: Sequence[str]) -> list[UUID]:
    """Proposals that wait for people past their end, and of the kinds that are `prepared` those that wait for that."""
    rows = connection.execute(
        """select proposal_id from treasury.proposal where expires_at <= %s
            and (state = 'pending_approval' or (state = 'approved' and kind = any(%s))) order by nonce""",
        [now, list(prepared)],
    )
    return [row[0] for row in rows]


def move(connection: Connection, proposal_id: UUID, state: str, to: str, reason: str) -> bool:
    """Take a proposal from one state to another; False where it is not in that state."""
    return (
        connection.execute(
            """update treasury.proposal set state = %s, reason = %s, updated_at = clock_timestamp()
            where proposal_id = %s and state = %s""",
            [to, reason, proposal_id, state],
        ).rowcount
        == 1
    )


def decisions_on(connection: Connection, proposal_id: UUID) -> list[DecisionRow]:
    """The decisions on a proposal, in the order in which they came."""
    return decisions_on_each(connection, [proposal_id])[proposal_id]


def decisions_on_each(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, list[DecisionRow]]:
    """Proposal → the decisions on it, in the order in which they came."""
    rows = connection.execute(
        f"""select proposal_id, {columns(DecisionRow._fields)} from treasury.decision
        where proposal_id = any(%s) order by decided_at, signer_id""",
        [list(ids)],
    ).fetchall()
    found: dict[UUID, list[DecisionRow]] = {each: [] for each in ids}
    for proposal_id, *decision in rows:
        found[proposal_id].append(DecisionRow(*decision))
    return found


def add_decision(connection: Connection, proposal_id: UUID, new: DecisionRow) -> None:
    """Keep a decision, in a transaction that holds its proposal."""
    connection.execute(
        """insert into treasury.decision (proposal_id, signer_id, decision, signature, decided_at)
        values (%s, %s, %s, %s, %s)""",
        [proposal_id, *new],
    )
