"""Tables that Python fills: made to hold exactly what was computed, and written only where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import psycopg


class Changes(NamedTuple):
    """Rows written to one table; all zero when it already said so."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: Changes) -> Changes:  # type: ignore[override]  # counts add up; a tuple joins
        return Changes(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Synced(NamedTuple):
    """What was written, and the earliest day of a row that is no longer, or was not yet, what it is now."""

    changes: Changes
    since: date | None


class Table(NamedTuple):
    """A table of alm_reporting: its key, the columns of the rows that are given, in their order, and, where it has one,
    the column with the day from which on a row counts."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    day: str | None = None


_MANY = 1_000


def sync(
    connection: psycopg.Connection, table: Table, rows: Iterable[Sequence], scope: str, parameters: Sequence
) -> Changes:
    """Make the part of a table that `scope` describes (with `t` for the table) hold exactly these rows."""
    return sync_by_day(connection, table, rows, scope, parameters).changes


def sync_by_day(
    connection: psycopg.Connection, table: Table, rows: Iterable[Sequence], scope: str, parameters: Sequence
) -> Synced:
    """`sync`, and since when the table says something else than before."""
    staged, target, columns = f"staged_{table.name}", f"alm_reporting.{table.name}", ", ".join(table.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {staged} (LIKE {target}) ON COMMIT DROP")
        with cursor.copy(f"COPY {staged} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {staged}")
        same = " AND ".join(f"s.{column} = t.{column}" for column in table.key)
        deleted, gone_since = cursor.execute(
            f"""
            WITH gone AS (
                DELETE FROM {target} t WHERE {scope} AND NOT EXISTS (SELECT 1 FROM {staged} s WHERE {same})
                RETURNING {_day(table, "t")} AS day
            )
            SELECT count(*), min(day) FROM gone
            """,
            parameters,
        ).fetchone()
        inserted, updated, since = cursor.execute(_upsert(table, staged, target, same)).fetchone()
        if inserted > _MANY:
            # dbt reads next, sooner than autovacuum counts
            cursor.execute(f"ANALYZE {target}")
    return Synced(Changes(inserted, updated, deleted), min(filter(None, (gone_since, since)), default=None))


def _upsert(table: Table, staged: str, target: str, same: str) -> str:
    columns = ", ".join(table.columns)
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in table.columns if column not in table.key)
    return f"""
        WITH differing AS (
            SELECT {", ".join(f"s.{column}" for column in table.columns)},
                least({_day(table, "s")}, {_day(table, "t")}) AS differing_since
            FROM {staged} s LEFT JOIN {target} t ON {same}
            WHERE ROW(s.*) IS DISTINCT FROM ROW(t.*)
        ), written AS (
            INSERT INTO {target} ({columns})
            SELECT {columns} FROM differing
            ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}
            RETURNING xmax = 0 AS is_new
        )
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new),
            (SELECT min(differing_since) FROM differing)
        FROM written
    """


def _day(table: Table, row: str) -> str:
    return f"{row}.{table.day}" if table.day else "NULL::date"
