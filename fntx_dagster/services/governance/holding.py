"""What a match on a list holds back: of a proposal in any state the sentence that says so, and what ends it.

The table of proposals has a step for a match from `screening` and from `approved` alone. One that is found later leaves
the state as it is, and nothing is exported or sent; one that was called true ends `blocked` never."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.services.screening.gating import FALSE_POSITIVE, TRUE_MATCH
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.screenings import dispositions_of_each, last_screenings, true_matches_of_each

HELD_STATES = ("blocked", "pending_approval", "approved", "prepared", "signing", "ready")
"""Before anything is sent."""


class HeldBack(NamedTuple):
    """That a match holds a proposal back, in words. `for_good`: somebody called it true, or it is gone and nobody
    called it false."""

    for_good: bool
    words: str


class _OpenMatch(NamedTuple):
    """A party with a match that nobody called false, the number of its newest check, and whether one was called
    true."""

    party: str
    check: int
    for_good: bool


def held(connection: Connection, row: ProposalRow) -> HeldBack | None:
    """The match that holds a proposal back, by the newest check of each of its parties, one that was called true before
    others; None where there is none."""
    return held_of(connection, [row]).get(row.proposal_id)


def held_of(connection: Connection, rows: Sequence[ProposalRow]) -> dict[UUID, HeldBack]:
    """Proposal → the match that holds it back, of those that one does. As many queries for many as for one."""
    screened = [row for row in rows if row.state in HELD_STATES and KINDS[row.kind].screened]
    if not screened:
        return {}
    open_matches = _open_matches(connection, {party for row in screened for party in row.parties})
    found: dict[UUID, HeldBack] = {}
    for row in screened:
        matches = [open_matches[party] for party in row.parties if party in open_matches]
        if matches:
            party, check, for_good = max(matches, key=lambda each: each.for_good)
            found[row.proposal_id] = HeldBack(for_good, _words(row.state, party, check, for_good=for_good))
        elif row.state == "blocked":
            found[row.proposal_id] = HeldBack(True, _GONE)
    return found


def undecided(connection: Connection, parties: Collection[str]) -> dict[str, int]:
    """Party → the number of its newest check, of those of which that has a match that nobody decided on."""
    return {party: check for party, check, verdicts in _verdicts(connection, parties) if None in verdicts}


def _open_matches(connection: Connection, parties: Collection[str]) -> dict[str, _OpenMatch]:
    """Party → its open match, of those that have one."""
    return {
        party: _OpenMatch(party, check, TRUE_MATCH in verdicts)
        for party, check, verdicts in _verdicts(connection, parties)
        if any(verdict != FALSE_POSITIVE for verdict in verdicts)
    }


def _verdicts(connection: Connection, parties: Collection[str]) -> Iterator[tuple[str, int, list[str | None]]]:
    """Party, the number of its newest check and what was decided of each match there, None where nothing was; of the
    parties that have one."""
    checks = last_screenings(connection, [*parties])
    matched = {party: check for party, check in checks.items() if check.matches}
    decisions = dispositions_of_each(connection, {party: each.details_hash for party, each in matched.items()})
    true = true_matches_of_each(connection, [*matched])
    for party, check in matched.items():
        decided = {(each.list_name, each.entity_id, each.row_hash): each.verdict for each in decisions[party]}
        called_true = {(each.list_name, each.entity_id) for each in true[party]}
        verdicts = [
            TRUE_MATCH
            if (match["list"], match["entity"]) in called_true
            else decided.get((match["list"], match["entity"], match["row_hash"]))
            for match in check.matches
        ]
        yield party, check.screening_id, verdicts


_GONE = "the match that blocked it is gone, and nobody called it a false positive: make a new one"


def _words(state: str, party: str, check: int, *, for_good: bool) -> str:
    match = f"{party} has a match on a list (check {check})"
    if for_good and state == "blocked":
        return f"{match} that was called true: it stays blocked for good and moves nothing. Make one without {party}"
    if for_good:
        match = f"{match} that was called true"
    if state in ("pending_approval", "approved"):
        return f"{match}: it is blocked as soon as it is approved and prepared. {_LET_GO.format(check)}"
    if state == "blocked":
        return f"{match}. {_LET_GO.format(check)}; called a true match, it stays blocked for good"
    ends = "it ends when the time of its transaction is over" if state == "ready" else "`fntx treasury cancel` ends it"
    return f"{match} since it was prepared: nothing of it is exported or sent. {_LET_GO.format(check)}; else {ends}"


_LET_GO = "`fntx compliance dispose {} --as false_positive` lets it go on"
