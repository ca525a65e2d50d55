"""The treasury as pages list it: proposals with who decided, a page at a time; standing approvals with their uses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns, one_value
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.standing import StandingApprovalRow


class ListedProposal(NamedTuple):
    """A proposal, and the signers who approved and rejected it, in the order of their decisions."""

    row: ProposalRow
    approvals: list[str]
    rejections: list[str]


class ListedStanding(NamedTuple):
    """A standing approval, how often it was used, and how often since a time that was asked for."""

    row: StandingApprovalRow
    uses: int
    uses_since: int


def listed_proposals(
    connection: Connection, states: Sequence[str] | None, kind: str | None, before: int | None, most: int | None
) -> list[ListedProposal]:
    """So many proposals at most (None: all), newest first: of some states and of a kind, or of all; with a nonce below
    `before`."""
    rows = connection.execute(
        f"""select {columns(ProposalRow._fields)},
            array(select signer_id from treasury.decision as own where own.proposal_id = proposal.proposal_id
                and decision = 'approve' order by decided_at, signer_id),
            array(select signer_id from treasury.decision as own where own.proposal_id = proposal.proposal_id
                and decision = 'reject' order by decided_at, signer_id)
        from treasury.proposal
        where (%(states)s::text[] is null or state = any(%(states)s))
            and (%(kind)s::text is null or kind = %(kind)s)
            and (%(before)s::bigint is null or nonce < %(before)s)
        order by nonce desc limit %(most)s""",
        {"states": None if states is None else [*states], "kind": kind, "before": before, "most": most},
    ).fetchall()
    return [ListedProposal(ProposalRow(*row[:-2]), row[-2], row[-1]) for row in rows]


def counted_states(connection: Connection, states: Sequence[str], prepared: Sequence[str]) -> dict[str, int]:
    """State → how many proposals are in it, of those states that a proposal is in; of approved ones those of the kinds
    that are `prepared`: the others are at their end."""
    found = connection.execute(
        """select state, count(*) from treasury.proposal
        where state = any(%s) and (state <> 'approved' or kind = any(%s)) group by state""",
        [[*states], [*prepared]],
    )
    return dict(found.fetchall())


def anchors_to_sign(connection: Connection) -> int:
    """How many anchors of the audit log wait for the key of their standing approval."""
    return one_value(
        connection.execute(
            """select count(*) from treasury.ledger_tx
            where standing_id is not null and state in ('pending_signature', 'partially_signed')"""
        )
    )


def changed_at(connection: Connection, proposal_id: UUID) -> datetime | None:
    """When a proposal was last moved (aware); None where there is none."""
    row = connection.execute(
        "select updated_at from treasury.proposal where proposal_id = %s", [proposal_id]
    ).fetchone()
    return row[0] if row else None


def listed_standing(connection: Connection, since: datetime) -> list[ListedStanding]:
    """Every standing approval, the one that ends last first. `since` (aware): uses from then on are counted apart."""
    rows = connection.execute(
        f"""select {columns(StandingApprovalRow._fields)},
            (select count(*) from treasury.standing_use as use where use.proposal_id = own.proposal_id),
            (select count(*) from treasury.standing_use as use where use.proposal_id = own.proposal_id
                and used_at >= %s)
        from treasury.standing_approval as own order by ends_at desc""",
        [since],
    ).fetchall()
    return [ListedStanding(StandingApprovalRow(*row[:-2]), row[-2], row[-1]) for row in rows]
