"""Proposals that name others, screened: when they are made, when somebody asks, and when a list has changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from fntx_dagster.audit.event import NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.governance.approvals import APPROVED, PENDING
from fntx_dagster.governance.kinds import KINDS
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.services.alerting import record
from fntx_dagster.services.auditing.log import append_all
from fntx_dagster.services.bonds.steps import logged
from fntx_dagster.services.governance.clock import time_after_log
from fntx_dagster.services.governance.configuration import active_set
from fntx_dagster.services.governance.deciding import judge
from fntx_dagster.services.governance.effects import effect, overtaken
from fntx_dagster.services.governance.holding import held as held_back
from fntx_dagster.services.governance.holding import undecided
from fntx_dagster.services.governance.steps import held, taken
from fntx_dagster.services.screening.deciding import Disposed, MatchDecision, dispose
from fntx_dagster.services.screening.gating import CLEARED, GATE, HIT, GateAnswer, gate
from fntx_dagster.settings import Settings
from fntx_dagster.store.alerts import unresolved
from fntx_dagster.store.database import Connection, Database
from fntx_dagster.store.treasury.platform import entered
from fntx_dagster.store.treasury.proposals import ProposalRow, decisions_on, move, proposal, proposals

UNDECIDED = "party_rescreen/every_match_is_decided"
"""The check that raises the alerts about matches that nobody decided on."""
_ALERTED = ("blocked", "prepared", "signing", "ready")
_SCREENED = ("screening", "pending_approval", "approved")


class MatchDecided(NamedTuple):
    """What was recorded of a check's matches, and the proposals that moved on with it."""

    disposed: Disposed
    moved: list[ProposalRow]


def screened(
    settings: Settings, connection: Connection, row: ProposalRow, by: str, events: list[NewAuditEvent]
) -> ProposalRow:
    """Screen the parties of a proposal that the transaction holds, and take the step that follows, if one does: who
    waits for a list goes on waiting with the reason, and an approved proposal without a match stays approved."""
    answer = gate(settings, connection, row.parties, f"proposal:{row.proposal_id}", by=by)
    if answer.decision == HIT and row.state in ("screening", "approved"):
        return taken(connection, row, "hit", by, events, reason_of(answer))
    if answer.decision == CLEARED and row.state == "screening":
        row = taken(connection, row, "cleared", by, events)
        return overtaken(connection, row, active_set(connection).version, by, events)
    if row.state == "screening":
        reason = reason_of(answer)
        move(connection, row.proposal_id, row.state, row.state, reason)
        return row._replace(reason=reason)
    return row


def screen_proposal(settings: Settings, db: Database, proposal_id: UUID, by: str = GATE) -> ProposalRow:
    """Screen a proposal again. Permanent where it names nobody who is screened, or nothing follows any more."""
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        row = held(connection, proposal_id)
        if not KINDS[row.kind].screened or row.state not in _SCREENED:
            raise Permanent(f"a screening changes nothing of a {row.kind} that is {row.state}", "Look at it: `show`")
        row = screened(settings, connection, row, by, events)
        append_all(settings, connection, events)
    return row


def decide_match(
    settings: Settings, db: Database, screening_id: int, decision: MatchDecision, *, by: str, signed: Any = None
) -> MatchDecided:
    """Record what a person decided of a check's matches, with all that follows: a false positive that a signer signed
    moves proposals on, and alerts of what is decided are resolved. Raises what `dispose` raises."""
    done = dispose(settings, db, screening_id, decision, by=by, signed=signed)
    end_decided(db, [done.party_id])
    if done.signer:
        return MatchDecided(done, move_on(settings, db, done.party_id, done.signer))
    note_blocked(db)
    return MatchDecided(done, [])


def move_on(settings: Settings, db: Database, party_id: str, signer: str) -> list[ProposalRow]:
    """Let what a party held back wait for decisions again, once all its parties are cleared: a signer of the role
    compliance called the matches false positives. One of an earlier signer set is cancelled instead. A match that only
    vanished, as a party's name was changed, moves nothing: that needs a new proposal. Those that moved."""
    with db.connect() as connection:
        ids = [row.proposal_id for row in proposals(connection, ["blocked"]) if party_id in row.parties]
    moved = [_moved_on(settings, db, each, f"signer:{signer}") for each in reversed(ids)]
    note_blocked(db)
    return [row for row in moved if row.state != "blocked"]


def undecided_matches(db: Database, parties: Collection[str]) -> list[Finding]:
    """Of each of these parties that has one the match that nobody decided on, by its newest check."""
    with db.connect() as connection:
        checks = undecided(connection, parties)
    return [Finding(party, f"party {party} has a match on a list: check {check}") for party, check in checks.items()]


def end_decided(db: Database, parties: Collection[str]) -> None:
    """Resolve the alerts about undecided matches of these parties that are decided, or gone."""
    left = {each.subject for each in undecided_matches(db, parties)}
    record(db, [Observed("compliance", UNDECIDED, [], looked=sorted({*parties} - left))])


def alerted_parties(db: Database) -> list[str]:
    """The parties of which an alert says that nobody decided on a match."""
    return [alert.subject for alert in unresolved(db) if alert.source == UNDECIDED]


def note_blocked(db: Database) -> None:
    """Raise an alert for each proposal that a match holds back until somebody decides, and resolve those that are over:
    decided, also as a true match."""
    findings: list[Finding] = []
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        for row in proposals(connection, _ALERTED):
            holding = held_back(connection, row)
            if holding is not None and not holding.for_good:
                is_blocked = row.state == "blocked"
                words = f"is blocked: {row.reason}" if is_blocked else f"is {row.state}, and {holding.words}"
                findings.append(Finding(str(row.proposal_id), f"The proposal {row.proposal_id} {words}"))
    record(db, [Observed("compliance", "proposals", findings)])


def _moved_on(settings: Settings, db: Database, proposal_id: UUID, by: str) -> ProposalRow:
    events: list[NewAuditEvent] = []
    with entered(db) as connection:
        row = held(connection, proposal_id)
        if row.state != "blocked":
            return row
        answer = gate(settings, connection, row.parties, f"proposal:{row.proposal_id}")
        if answer.decision == CLEARED:
            row = taken(connection, row, "dispose_false_positive", by, events)
            row = overtaken(connection, row, active_set(connection).version, by, events)
        if row.state == PENDING:
            now = time_after_log(connection)  # those who approved before the match need not do so again
            decided = (proposal(connection, row.covered_by) if row.covered_by else None) or row
            if judge(connection, decided, decisions_on(connection, decided.proposal_id), now).state == APPROVED:
                row = taken(connection, row, "approve", by, events)
                events += effect(settings, db, connection, row, by, now)
        logged(settings, connection, events)
    return row


def screen_proposals(settings: Settings, db: Database, by: str = GATE) -> list[ProposalRow]:
    """Screen every proposal that is not prepared yet, each in its own transaction, and raise an alert for each that a
    match holds back; those that moved. What moves meanwhile is screened by whoever prepares it."""
    with db.connect() as connection:
        before = [row for row in proposals(connection, _SCREENED) if KINDS[row.kind].screened]
    after: list[ProposalRow] = []
    for row in reversed(before):
        try:
            after.append(screen_proposal(settings, db, row.proposal_id, by))
        except Permanent:
            continue
    note_blocked(db)
    states = {row.proposal_id: row.state for row in before}
    return [row for row in after if row.state != states[row.proposal_id]]


def reason_of(answer: GateAnswer) -> str:
    """Why a proposal waits, with numbers of checks and no names of people."""
    if answer.decision == HIT:
        hits = [f"{each.party_id} (check {each.screening_id})" for each in answer.verdicts if each.decision == HIT]
        return f"a match on a list: {', '.join(hits)}"
    return f"nobody can be cleared: {', '.join(answer.problems)}"
