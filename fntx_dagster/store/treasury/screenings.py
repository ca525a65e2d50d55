"""Screenings of parties, and what people decided of their matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns, one_value


class NewScreening(NamedTuple):
    """A check to be kept: of which party, as it was known; why; against which lists (`list`, `version`, `dated_at` of
    each); the gravest match, and all of them; which dispositions were counted; by whom."""

    party_id: str
    details_hash: str
    cause: str
    algorithm: str
    threshold: float
    lists: Sequence[Mapping[str, Any]]
    status: str
    decision: str
    list_name: str | None
    entity_id: str | None
    score: float | None
    matches: Sequence[Mapping[str, Any]]
    dispositions: Sequence[int]
    screened_by: str


class ScreeningRow(NamedTuple):
    """A check as it was kept, and when (aware)."""

    screening_id: int
    party_id: str
    details_hash: str
    cause: str
    algorithm: str
    threshold: Any
    lists: Sequence[Mapping[str, Any]]
    status: str
    decision: str
    list_name: str | None
    entity_id: str | None
    score: Any
    matches: Sequence[Mapping[str, Any]]
    dispositions: Sequence[int]
    screened_by: str
    screened_at: datetime


class NewDisposition(NamedTuple):
    """What a person decided of one match of a screening: `false_positive` or `true_match`, and why."""

    screening_id: int
    party_id: str
    details_hash: str
    list_name: str
    entity_id: str
    row_hash: str
    verdict: str
    reason: str
    decided_by: str


class HeldDisposition(NamedTuple):
    """The newest decision of a match of a party as it is known."""

    disposition_id: int
    list_name: str
    entity_id: str
    row_hash: str
    verdict: str


class TrueMatch(NamedTuple):
    """A match that was called true, and not false since: the newest decision of a party and an entity, whatever was
    known of either then. `match`: as its check kept it."""

    disposition_id: int
    list_name: str
    entity_id: str
    row_hash: str
    verdict: str
    screening_id: int
    match: Mapping[str, Any]

    @property
    def disposition(self) -> HeldDisposition:
        return HeldDisposition(*self[:5])


def add_screening(connection: psycopg.Connection, new: NewScreening) -> int:
    """Keep a check; its number."""
    return one_value(
        connection.execute(
            f"""insert into treasury.screening ({columns(NewScreening._fields)})
            values (%s, %s, %s, %s, %s::float8::numeric, %s, %s, %s, %s, %s, %s::float8::numeric, %s, %s, %s)
            returning screening_id""",
            new._replace(lists=Jsonb([*new.lists]), matches=Jsonb([*new.matches]), dispositions=[*new.dispositions]),
        )
    )


def screening(db: Readable, screening_id: int) -> ScreeningRow | None:
    """The check with a number."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"select {columns(ScreeningRow._fields)} from treasury.screening where screening_id = %s", (screening_id,)
        )
        return next((ScreeningRow(*row) for row in cursor), None)


def last_decisions(connection: psycopg.Connection) -> dict[str, str]:
    """What the last check of each party said: `cleared`, `hit` or `stale`."""
    found = connection.execute(
        "select distinct on (party_id) party_id, decision from treasury.screening order by party_id, screening_id desc"
    )
    return dict(found.fetchall())


def outdated_parties(connection: psycopg.Connection, versions: Mapping[str, str]) -> list[str]:
    """The parties in use that were never checked, or last against other versions of the lists than these (name →
    version)."""
    rows = connection.execute(
        """select party.party_id from treasury.party_details as party
        left join lateral (
            select lists from treasury.screening where screening.party_id = party.party_id
            order by screening_id desc limit 1
        ) as last on true
        left join lateral (
            select jsonb_object_agg(each ->> 'list', each ->> 'version') as versions
            from jsonb_array_elements(last.lists) as each
        ) as against on true
        where party.in_use and coalesce(against.versions, '{}') <> %s order by party.party_id""",
        (Jsonb({**versions}),),
    )
    return [party_id for (party_id,) in rows]


def last_screenings(connection: psycopg.Connection, parties: Sequence[str]) -> dict[str, ScreeningRow]:
    """Party → its newest check, of those that were checked. Each is one look into the index, however many there are."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"""select {columns(ScreeningRow._fields, "last")} from unnest(%s::text[]) as asked (party_id)
            cross join lateral (
                select * from treasury.screening where screening.party_id = asked.party_id
                order by screening_id desc limit 1
            ) as last""",
            [list(parties)],
        )
        found = [ScreeningRow(*row) for row in cursor]
    return {each.party_id: each for each in found}


def add_disposition(connection: psycopg.Connection, new: NewDisposition) -> int:
    """Keep what a person decided; its number."""
    return one_value(
        connection.execute(
            f"""insert into treasury.disposition ({columns(NewDisposition._fields)})
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning disposition_id""",
            new,
        )
    )


def held_dispositions(connection: psycopg.Connection, party_id: str, details_hash: str) -> list[HeldDisposition]:
    """The newest decision of each match of a party, of those that were made on these details."""
    return dispositions_of_each(connection, {party_id: details_hash})[party_id]


def dispositions_of_each(
    connection: psycopg.Connection, details: Mapping[str, str]
) -> dict[str, list[HeldDisposition]]:
    """Party → the newest decision of each of its matches, of those that were made on its details (party → hash)."""
    rows = connection.execute(
        f"""select distinct on (party_id, list_name, entity_id, row_hash)
            party_id, {columns(HeldDisposition._fields)}
        from treasury.disposition
        join unnest(%s::text[], %s::text[]) as asked (party_id, details_hash) using (party_id, details_hash)
        order by party_id, list_name, entity_id, row_hash, disposition_id desc""",
        ([*details], [*details.values()]),
    ).fetchall()
    found: dict[str, list[HeldDisposition]] = {each: [] for each in details}
    for party_id, *disposition in rows:
        found[party_id].append(HeldDisposition(*disposition))
    return found


def true_matches(connection: psycopg.Connection, party_id: str) -> list[TrueMatch]:
    """The matches of a party that were called true, and not false since."""
    return true_matches_of_each(connection, [party_id])[party_id]


def true_matches_of_each(connection: psycopg.Connection, parties: Sequence[str]) -> dict[str, list[TrueMatch]]:
    """Party → its matches that were called true, and not false since."""
    rows = connection.execute(
        f"""select party_id, {columns(TrueMatch._fields)} from (
            select distinct on (party_id, list_name, entity_id) * from treasury.disposition where party_id = any(%s)
            order by party_id, list_name, entity_id, disposition_id desc
        ) as newest
        cross join lateral (
            select match from treasury.screening as kept, jsonb_array_elements(kept.matches) as match
            where kept.screening_id = newest.screening_id and match ->> 'list' = newest.list_name
                and match ->> 'entity' = newest.entity_id limit 1
        ) as found
        where verdict = 'true_match' order by party_id, list_name, entity_id""",
        ([*parties],),
    ).fetchall()
    found: dict[str, list[TrueMatch]] = {each: [] for each in parties}
    for party_id, *match in rows:
        found[party_id].append(TrueMatch(*match))
    return found
