"""What was asked with the key of a proposal beside its payload: digests, by which another request is known."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection


class ProposalRequestRow(NamedTuple):
    """A request with a key: the proposal that it makes, and digests of what else it asks for."""

    proposal_id: UUID
    parties: bytes
    travel_rule: bytes


def add_request(connection: Connection, new: ProposalRequestRow) -> None:
    """Keep what a request asked for."""
    connection.execute(
        "insert into treasury.proposal_request (proposal_id, parties, travel_rule) values (%s, %s, %s)", new
    )


def request_of(connection: Connection, proposal_id: UUID) -> ProposalRequestRow | None:
    """The request that made a proposal; None where it had no key."""
    with connection.cursor(row_factory=args_row(ProposalRequestRow)) as cursor:
        return cursor.execute(
            "select proposal_id, parties, travel_rule from treasury.proposal_request where proposal_id = %s",
            [proposal_id],
        ).fetchone()
