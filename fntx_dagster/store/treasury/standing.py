"""Standing approvals, and each use of one, counted."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value


class StandingApprovalRow(NamedTuple):
    """A standing approval; `template` is canonical JSON, the fee cap is in drops or stroops, `key` the address of the
    one key that may sign."""

    proposal_id: UUID
    state: str
    template: str
    per_day: int
    fee_cap: Decimal
    ends_at: datetime
    key: str


def add_standing(connection: Connection, new: StandingApprovalRow) -> None:
    """Keep a standing approval."""
    connection.execute(
        f"""insert into treasury.standing_approval ({columns(StandingApprovalRow._fields)})
        values (%s, %s, %s, %s, %s, %s, %s)""",
        new,
    )


def standing_approval(connection: Connection, proposal_id: UUID) -> StandingApprovalRow | None:
    """A standing approval, held until the transaction ends."""
    with connection.cursor(row_factory=args_row(StandingApprovalRow)) as cursor:
        return cursor.execute(
            f"""select {columns(StandingApprovalRow._fields)} from treasury.standing_approval
            where proposal_id = %s for update""",
            [proposal_id],
        ).fetchone()


def standing_approvals(connection: Connection, at: datetime) -> list[StandingApprovalRow]:
    """The standing approvals that are active at a time, the one that ends last first."""
    with connection.cursor(row_factory=args_row(StandingApprovalRow)) as cursor:
        return cursor.execute(
            f"""select {columns(StandingApprovalRow._fields)} from treasury.standing_approval
            where state = 'active' and ends_at > %s order by ends_at desc, proposal_id""",
            [at],
        ).fetchall()


def end_standing(connection: Connection, proposal_id: UUID) -> None:
    """Let a standing approval cover nothing any more."""
    connection.execute(
        "update treasury.standing_approval set state = 'ended' where proposal_id = %s and state = 'active'",
        [proposal_id],
    )


def use_for(connection: Connection, used_for: UUID) -> int | None:
    """The number of the use that was counted for a transaction, by its proposal; None where none was."""
    row = connection.execute("select use_no from treasury.standing_use where used_for = %s", [used_for]).fetchone()
    return row[0] if row else None


def uses_between(connection: Connection, proposal_id: UUID, since: datetime, until: datetime) -> int:
    """How often it was used from a time on, and before another."""
    return one_value(
        connection.execute(
            "select count(*) from treasury.standing_use where proposal_id = %s and used_at >= %s and used_at < %s",
            [proposal_id, since, until],
        )
    )


def add_use(
    connection: Connection, proposal_id: UUID, used_at: datetime, payload_hash: str, fee: int, used_for: UUID
) -> int:
    """Count a use; its number."""
    return one_value(
        connection.execute(
            """insert into treasury.standing_use (proposal_id, use_no, used_at, payload_hash, fee, used_for)
            select %(id)s, coalesce(max(use_no), 0) + 1, %(at)s, %(hash)s, %(fee)s, %(used_for)s
            from treasury.standing_use where proposal_id = %(id)s returning use_no""",
            {"id": proposal_id, "at": used_at, "hash": payload_hash, "fee": fee, "used_for": used_for},
        )
    )
