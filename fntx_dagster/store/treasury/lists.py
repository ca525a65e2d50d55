"""Sanctions lists: the versions that were loaded, and the entities of the newest one of each list.

Who replaces a list and who screens take one lock, the one alone and the other together: what was screened in a
transaction was screened against one version of each list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import columns

_LOCK = "fntx sanctions lists"


class ListVersion(NamedTuple):
    """A loading of a list: its name and format, SHA-256 (hex) of its files together and of each, when the publisher was
    asked for it and when it was loaded (aware), how many entities and names it holds, and by whom it was loaded."""

    list_name: str
    format: str
    version: str
    files: Mapping[str, str]
    dated_at: datetime
    entities: int
    names: int
    loaded_by: str
    loaded_at: datetime


class EntityRow(NamedTuple):
    """An entity of a list; `forms`: the normal forms of its names."""

    entity_id: str
    row_no: int
    schema: str
    names: Sequence[str]
    forms: Sequence[str]
    birth_dates: Sequence[str]
    countries: Sequence[str]
    row_hash: str


def newest_versions(db: Readable) -> list[ListVersion]:
    """The version of each list that counts, by name."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"""select distinct on (list_name) {columns(ListVersion._fields)} from treasury.list_version
            order by list_name, list_version_id desc"""
        )
        return [ListVersion(*row) for row in cursor]


def entities(connection: psycopg.Connection, list_name: str) -> list[EntityRow]:
    """The entities of a list, as in its newest version."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        cursor.execute(
            f"select {columns(EntityRow._fields)} from treasury.list_entity where list_name = %s order by row_no",
            (list_name,),
        )
        return [EntityRow(*row) for row in cursor]


def row_hashes(connection: psycopg.Connection, list_name: str, entity_ids: Sequence[str]) -> dict[str, str]:
    """The hashes of the rows that entities of a list have now; those that are listed no longer are left out."""
    found = connection.execute(
        "select entity_id, row_hash from treasury.list_entity where list_name = %s and entity_id = any(%s)",
        (list_name, [*entity_ids]),
    )
    return dict(found.fetchall())


def lock_for_screening(connection: psycopg.Connection) -> None:
    """No list changes until the transaction ends; others may screen meanwhile."""
    connection.execute("select pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", (_LOCK,))


def stage(connection: psycopg.Connection, rows: Iterable[EntityRow]) -> tuple[int, int]:
    """Keep entities aside until `install` puts them in the place of a list's, one after another: how many entities and
    names they were. The transaction's end forgets them."""
    connection.execute(
        "create temporary table staged_entity (like treasury.list_entity) on commit drop;"
        "alter table staged_entity drop column list_name"
    )
    count = names = 0
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy staged_entity ({columns(EntityRow._fields)}) from stdin") as copy,
    ):
        for row in rows:
            copy.write_row([list(value) if isinstance(value, tuple) else value for value in row])
            count, names = count + 1, names + len(row.names)
    return count, names


def lock_for_loading(connection: psycopg.Connection) -> None:
    """Until the transaction ends, nobody else loads a list or screens."""
    connection.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", (_LOCK,))


def install(connection: psycopg.Connection, list_name: str) -> None:
    """Put the staged entities in the place of a list's."""
    connection.execute("delete from treasury.list_entity where list_name = %s", (list_name,))
    names = columns(EntityRow._fields)
    connection.execute(
        f"insert into treasury.list_entity (list_name, {names}) select %s, {names} from staged_entity", (list_name,)
    )


def add_version(connection: psycopg.Connection, loaded: ListVersion) -> None:
    """Keep that a version of a list was loaded."""
    connection.execute(
        f"""insert into treasury.list_version ({columns(ListVersion._fields)})
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s)""",
        loaded._replace(files=Jsonb(dict(loaded.files))),
    )
