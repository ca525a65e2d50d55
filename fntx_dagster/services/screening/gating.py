"""The gate: parties are screened against the loaded lists, and cleared, held back for a match, or not cleared at all.

Nothing passes on what is missing: without a list, or with one that is too old, nobody is cleared. Every check is kept,
with the lists that it was made against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.compliance.entities import ScreenedParty
from fntx_dagster.compliance.names import ALGORITHM, of_words
from fntx_dagster.compliance.scoring import POTENTIAL
from fntx_dagster.compliance.screening import EntityMatch, KnownEntity, Screen, gravest
from fntx_dagster.compliance.travel_rule import TravelPayment, require_fields
from fntx_dagster.errors import Permanent
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.screening.calculating import shown_match
from fntx_dagster.services.screening.lists import ListStanding, standings
from fntx_dagster.services.screening.parties import unknown_party
from fntx_dagster.store.database import InTransaction
from fntx_dagster.store.treasury import lists
from fntx_dagster.store.treasury.parties import PartyRow, parties_in
from fntx_dagster.store.treasury.screenings import (
    HeldDisposition,
    NewScreening,
    TrueMatch,
    add_screening,
    held_dispositions,
    true_matches,
)

if TYPE_CHECKING:
    from fntx_dagster.settings import Settings
    from fntx_dagster.store.database import Connection
    from fntx_dagster.store.treasury.lists import ListVersion

CLEARED, HIT, STALE = "cleared", "hit", "stale"
FALSE_POSITIVE, TRUE_MATCH = "false_positive", "true_match"
GATE = "system:compliance"
_SCREENS: dict[tuple[str, str, str], Screen] = {}
_MOST_SCREENS = 8


class NotCleared(Permanent):
    """A step that waits for parties to be cleared."""


class ListMatch(NamedTuple):
    """A match on a list, and the newest decision of it that still holds: None where nobody decided."""

    list_name: str
    match: EntityMatch
    disposition: HeldDisposition | None

    @property
    def is_open(self) -> bool:
        """Whether it holds the party back."""
        return self.disposition is None or self.disposition.verdict != FALSE_POSITIVE


class PartyVerdict(NamedTuple):
    """What the gate says of a party: `cleared`, `hit` or `stale`; the number of the check; its matches."""

    party_id: str
    screening_id: int
    decision: str
    status: str
    matches: tuple[ListMatch, ...]

    def as_dict(self) -> dict[str, Any]:
        """As programs read it."""
        return self._asdict() | {
            "matches": [
                {
                    "list": each.list_name,
                    **shown_match(each.match),
                    "disposition": each.disposition.verdict if each.disposition else None,
                }
                for each in self.matches
            ]
        }


class GateAnswer(NamedTuple):
    """`cleared`: every party is; `hit`: one has a match that nobody called false; `stale`: a list is missing or too
    old, and no party has such a match. `problems`: what is wrong with the lists."""

    decision: str
    verdicts: tuple[PartyVerdict, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As programs read it."""
        return {
            "decision": self.decision,
            "problems": [*self.problems],
            "parties": [verdict.as_dict() for verdict in self.verdicts],
        }


def gate(
    settings: Settings,
    connection: Connection,
    party_ids: Sequence[str],
    cause: str,
    *,
    by: str = GATE,
    transfer: TravelPayment | None = None,
) -> GateAnswer:
    """Screen parties in the transaction of the connection, keep each check, and write it into the audit log.

    No list changes before the transaction ends. Call it before the transaction appends to the audit log: loading a list
    locks in that order. `cause`: what the check is for, such as `proposal:<id>`; `by`: an actor
    of the audit log. Permanent without a party, for an unknown one, and for a `transfer` that lacks fields of the
    travel rule.
    """
    if transfer is not None:
        require_fields(transfer, settings.compliance.travel_rule_amount)
    if not party_ids:
        raise Permanent(
            "nobody was named to be screened",
            "Name every party of the proposal with `--party ID`, yourselves where the accounts are ours alone; "
            "`fntx compliance party ID --name NAME` enters one",
        )
    checked = screen_parties(settings, connection, party_ids, cause, by=by)
    for verdict in checked.verdicts:
        append(settings, connection, passed_or_failed(verdict, by, cause))
    return checked


def screen_parties(
    settings: Settings, connection: Connection, party_ids: Sequence[str] | None, cause: str, *, by: str
) -> GateAnswer:
    """Screen parties, or all that are in use, and keep each check; the audit log is the caller's."""
    lists.lock_for_screening(connection)
    rows = parties_in(connection, party_ids)
    if missing := sorted({*(party_ids or ())} - {row.party_id for row in rows}):
        raise unknown_party(missing)
    counting = standings(settings, InTransaction(connection))
    screens = [(each.version, screen_of(connection, each.version)) for each in counting if each.version]
    problems = list_problems(counting)
    verdicts = tuple(_verdict(connection, row, screens, bool(problems), cause, by) for row in rows)
    decisions = {verdict.decision for verdict in verdicts}
    decision = next((each for each in (HIT, STALE) if each in decisions), STALE if problems else CLEARED)
    return GateAnswer(decision, verdicts, problems)


def list_problems(counting: Sequence[ListStanding]) -> tuple[str, ...]:
    """Why the lists clear nobody; empty where they can."""
    if not counting:
        return ("no list is loaded",)
    return tuple(f"list {each.list_name}: {each.problem}" for each in counting if each.problem)


def screen_of(connection: Connection, version: ListVersion) -> Screen:
    """The entities of a list that is loaded, ready to be compared with; kept in memory as long as it is the newest."""
    key = (version.list_name, version.version, ALGORITHM)
    found = _SCREENS.get(key)
    if found is None:
        while len(_SCREENS) >= _MOST_SCREENS:
            _SCREENS.pop(next(iter(_SCREENS)), None)
        found = Screen(_known(row) for row in lists.entities(connection, version.list_name))
        _SCREENS[key] = found
    return found


def passed_or_failed(verdict: PartyVerdict, by: str, cause: str) -> NewAuditEvent:
    """The event of a check: of a party and its decision, never its name."""
    kind = "compliance_check_passed" if verdict.decision == CLEARED else "compliance_check_failed"
    details = {"screening": verdict.screening_id, "decision": verdict.decision, "cause": cause}
    return NewAuditEvent(kind, by, EventSubject("party", verdict.party_id), details)


def _verdict(
    connection: Connection,
    row: PartyRow,
    screens: Sequence[tuple[ListVersion, Screen]],
    is_stale: bool,
    cause: str,
    by: str,
) -> PartyVerdict:
    party = ScreenedParty(row.name, row.schema, row.birth_date, tuple(row.countries))
    held = {
        (each.list_name, each.entity_id, each.row_hash): each
        for each in held_dispositions(connection, row.party_id, row.details_hash)
    }
    standing = {(each.list_name, each.entity_id): each for each in true_matches(connection, row.party_id)}
    results = [(version.list_name, screen.check(party)) for version, screen in screens]
    matches = [
        ListMatch(
            name,
            match,
            true.disposition
            if (true := standing.pop((name, match.entity_id), None))
            else held.get((name, match.entity_id, match.row_hash)),
        )
        for name, result in results
        for match in result.matches
    ]
    matches += [ListMatch(each.list_name, _as_it_was(each), each.disposition) for each in standing.values()]
    decision = HIT if any(match.is_open for match in matches) else STALE if is_stale else CLEARED
    status = gravest([*(result.status for _, result in results), *(each.match.status for each in matches)])
    best = max(
        (each for each in matches if each.match.status == status), key=lambda each: each.match.score, default=None
    )
    new = NewScreening(
        row.party_id,
        row.details_hash,
        cause,
        ALGORITHM,
        POTENTIAL,
        [_list_of(version) for version, _ in screens],
        status,
        decision,
        best.list_name if best else None,
        best.match.entity_id if best else None,
        best.match.score if best else None,
        [{"list": each.list_name, **shown_match(each.match)} for each in matches],
        [each.disposition.disposition_id for each in matches if each.disposition],
        by,
    )
    return PartyVerdict(row.party_id, add_screening(connection, new), decision, status, tuple(matches))


def _as_it_was(found: TrueMatch) -> EntityMatch:
    """A match that was called true and that the lists give no longer, as its check found it."""
    kept = found.match
    return EntityMatch(found.entity_id, kept["score"], kept["status"], kept["contradiction"], found.row_hash)


def _list_of(version: ListVersion) -> dict[str, Any]:
    return {
        "list": version.list_name,
        "version": version.version,
        "dated_at": f"{version.dated_at:%Y-%m-%dT%H:%M:%SZ}",
    }


def _known(row: lists.EntityRow) -> KnownEntity:
    return KnownEntity(
        row.entity_id,
        row.schema,
        tuple(of_words(tuple(form.split(" "))) for form in row.forms),
        tuple(row.birth_dates),
        tuple(row.countries),
        row.row_hash,
    )
