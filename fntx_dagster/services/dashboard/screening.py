"""Screening as its pages show it: the lists and their age, who is held back, checks; one check with its matches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from fntx_dagster.services.screening.gating import FALSE_POSITIVE, TRUE_MATCH, list_problems
from fntx_dagster.services.screening.lists import ListStanding, standings
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.parties import PartyRow, open_proposals_of, parties
from fntx_dagster.store.treasury.screening_list import (
    EntityNow,
    ListedCheck,
    ListedDisposition,
    dispositions_of,
    held_back,
    listed_entities,
    newest_checks,
)
from fntx_dagster.store.treasury.screenings import ScreeningRow, screening
from fntx_dagster.store.treasury.signer_sets import signer_sets

__all__ = ["DECISIONS", "VERDICTS", "ListStanding", "ListedCheck", "ListedDisposition", "ScreeningRow"]

DECISIONS = ("cleared", "hit", "stale")
VERDICTS = (FALSE_POSITIVE, TRUE_MATCH)
_PAGE, _HELD, _DISPOSITIONS = 50, 200, 50


class ScreeningShown(NamedTuple):
    """The lists that count; why they clear nobody (empty: they can); the last checks of who is held back, oldest first,
    200 at most; a page of checks, newest first, and behind which number older ones are (None: none)."""

    lists: list[ListStanding]
    problems: tuple[str, ...]
    held: list[ListedCheck]
    checks: list[ListedCheck]
    before: int | None


class MatchShown(NamedTuple):
    """A match of a check: list, entity, score, status, what speaks against it; what the list says of the entity now
    (None: it has it no longer), whether that is what it said then, and the newest decision that holds of it."""

    found: Mapping[str, Any]
    entity: EntityNow | None
    is_as_it_was: bool
    disposition: ListedDisposition | None


class CheckShown(NamedTuple):
    """A check with its matches and its party as it is known now. `is_as_it_was`: the party has not changed since;
    `proposals`: those that name it and are not over; `needs_signature`: a false positive is signed by a signer."""

    row: ScreeningRow
    party: PartyRow | None
    is_as_it_was: bool
    matches: list[MatchShown]
    dispositions: list[ListedDisposition]
    proposals: list[str]
    needs_signature: bool


def screening_shown(
    settings: Settings, db: Database, decision: str | None, before: int | None, now: datetime
) -> ScreeningShown:
    """The lists as of `now` (aware), who is held back, and a page of checks of a decision, or of all."""
    with db.snapshot() as snapshot:
        counting = standings(settings, snapshot, now)
        with snapshot.connect() as connection:
            held, found = held_back(connection, _HELD), newest_checks(connection, decision, before, _PAGE + 1)
    page = found[:_PAGE]
    older = page[-1].screening_id if len(found) > len(page) else None
    return ScreeningShown(counting, list_problems(counting), held, page, older)


def check_shown(db: Database, screening_id: int) -> CheckShown | None:
    """One check; None where there is none."""
    with db.snapshot() as snapshot:
        row = screening(snapshot, screening_id)
        if row is None:
            return None
        party = next(iter(parties(snapshot, [row.party_id])), None)
        with snapshot.connect() as connection:
            entities: dict[tuple[str, str], EntityNow] = {}
            for name in {match["list"] for match in row.matches}:
                ids = [match["entity"] for match in row.matches if match["list"] == name]
                entities |= {(name, each.entity_id): each for each in listed_entities(connection, name, ids)}
            decided = dispositions_of(connection, row.party_id, _DISPOSITIONS)
            named = open_proposals_of(connection, row.party_id)
            is_governed = bool(signer_sets(connection, "active"))
    matches = [_match(row, match, entities.get((match["list"], match["entity"])), decided) for match in row.matches]
    as_it_was = party is not None and party.details_hash == row.details_hash
    return CheckShown(row, party, as_it_was, matches, decided, named, is_governed)


def _match(
    row: ScreeningRow, found: Mapping[str, Any], entity: EntityNow | None, decided: list[ListedDisposition]
) -> MatchShown:
    key = (found["list"], found["entity"], found["row_hash"], row.details_hash)
    held = next(
        (each for each in decided if (each.list_name, each.entity_id, each.row_hash, each.details_hash) == key), None
    )
    return MatchShown(found, entity, entity is not None and entity.row_hash == found["row_hash"], held)
