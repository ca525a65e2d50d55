"""Checks of parties as pages list them, what lists say of the entities that were matched, and what people decided."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from psycopg.rows import args_row

from fntx_dagster.store.database import Connection
from fntx_dagster.store.queries import columns


class ListedCheck(NamedTuple):
    """A check of a party, with the number of its matches."""

    screening_id: int
    party_id: str
    cause: str
    status: str
    decision: str
    matches: int
    screened_by: str
    screened_at: datetime


class EntityNow(NamedTuple):
    """What a list says now of an entity."""

    list_name: str
    entity_id: str
    schema: str
    names: list[str]
    birth_dates: list[str]
    countries: list[str]
    row_hash: str


class ListedDisposition(NamedTuple):
    """What a person decided of a match."""

    disposition_id: int
    screening_id: int
    details_hash: str
    list_name: str
    entity_id: str
    row_hash: str
    verdict: str
    reason: str
    decided_by: str
    decided_at: datetime


_CHECK = """select screening_id, party_id, cause, status, decision, jsonb_array_length(matches) as matches, screened_by,
    screened_at from treasury.screening"""


def checks_for(connection: Connection, parties: Sequence[str], cause: str, most: int) -> list[ListedCheck]:
    """The newest checks of parties for a cause, such as `proposal:<id>`."""
    with connection.cursor(row_factory=args_row(ListedCheck)) as cursor:
        return cursor.execute(
            f"{_CHECK} where party_id = any(%s) and cause = %s order by screening_id desc limit %s",
            [[*parties], cause, most],
        ).fetchall()


def newest_checks(connection: Connection, decision: str | None, before: int | None, most: int) -> list[ListedCheck]:
    """So many checks at most, newest first: of a decision, or of all; with a number below `before`."""
    with connection.cursor(row_factory=args_row(ListedCheck)) as cursor:
        return cursor.execute(
            f"""{_CHECK} where (%(decision)s::text is null or decision = %(decision)s)
                and (%(before)s::bigint is null or screening_id < %(before)s)
            order by screening_id desc limit %(most)s""",
            {"decision": decision, "before": before, "most": most},
        ).fetchall()


def held_back(connection: Connection, most: int) -> list[ListedCheck]:
    """The last checks of parties in use that found a match which nobody called false, the oldest first."""
    with connection.cursor(row_factory=args_row(ListedCheck)) as cursor:
        return cursor.execute(
            f"""select last.* from treasury.party_details as party cross join lateral (
                {_CHECK} where screening.party_id = party.party_id order by screening_id desc limit 1) as last
            where party.in_use and last.decision = 'hit' order by last.screening_id limit %s""",
            [most],
        ).fetchall()


def listed_entities(connection: Connection, list_name: str, entity_ids: Sequence[str]) -> list[EntityNow]:
    """What a list says now of entities; without those that it has no longer."""
    with connection.cursor(row_factory=args_row(EntityNow)) as cursor:
        return cursor.execute(
            f"""select {columns(EntityNow._fields)} from treasury.list_entity
            where list_name = %s and entity_id = any(%s)""",
            [list_name, [*entity_ids]],
        ).fetchall()


def dispositions_of(connection: Connection, party_id: str, most: int) -> list[ListedDisposition]:
    """The newest decisions of matches of a party."""
    with connection.cursor(row_factory=args_row(ListedDisposition)) as cursor:
        return cursor.execute(
            f"""select {columns(ListedDisposition._fields)} from treasury.disposition
            where party_id = %s order by disposition_id desc limit %s""",
            [party_id, most],
        ).fetchall()
