"""What a match on a list holds back: of a proposal in any state the sentence that says so, and what ends it.

The table of proposals has a step for a match from `screening` and from `approved` alone. One that is found later leaves
the state as it is, and nothing is exported or sent; one that was called true ends `blocked` never."""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.services.screening.gating import FALSE_POSITIVE, TRUE_MATCH
from fntx_dagster.store.database import Connection
from fntx_dagster.store.treasury.proposals import ProposalRow
from fntx_dagster.store.treasury.screenings import held_dispositions, last_screening

HELD_STATES = ("blocked", "pending_approval", "approved", "prepared", "signing", "ready")
"""Before anything is sent."""


class HeldBack(NamedTuple):
    """That a match holds a proposal back, in words. `for_good`: somebody called it true, or it is gone and nobody
    called it false."""

    for_good: bool
    words: str


def held(connection: Connection, row: ProposalRow) -> HeldBack | None:
    """The match that holds a proposal back, by the newest check of each of its parties, one that was called true before
    others; None where there is none."""
    if row.state not in HELD_STATES or not KINDS[row.kind].screened:
        return None
    found = [each for each in (_open_match(connection, party) for party in row.parties) if each is not None]
    if found:
        party, check, for_good = max(found, key=lambda each: each[2])
        return HeldBack(for_good, _words(row.state, party, check, for_good=for_good))
    return HeldBack(True, _GONE) if row.state == "blocked" else None


def _open_match(connection: Connection, party_id: str) -> tuple[str, int, bool] | None:
    """The party, the number of its newest check, and whether a match of it was called true; None without a match that
    nobody called false."""
    check = last_screening(connection, party_id)
    if check is None:
        return None
    decided = {
        (each.list_name, each.entity_id, each.row_hash): each.verdict
        for each in held_dispositions(connection, party_id, check.details_hash)
    }
    verdicts = [decided.get((match["list"], match["entity"], match["row_hash"])) for match in check.matches]
    is_open = any(verdict != FALSE_POSITIVE for verdict in verdicts)
    return (party_id, check.screening_id, TRUE_MATCH in verdicts) if is_open else None


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
