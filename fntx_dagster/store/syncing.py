"""Tables that Python fills: made to hold exactly what was computed, and written only where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psycopg


class Changes(NamedTuple):
    """Rows written to one table; all zero when it already said so."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(self, other: Changes) -> Changes:  # type: ignore[override]
        return Changes(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Table(NamedTuple):
    """A table of alm_reporting: its key, and the columns of the rows that are given, in their order."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


_MANY = 1_000


def sync(
    connection: psycopg.Connection, table: Table, rows: Iterable[Sequence], scope: str, parameters: Sequence
) -> Changes:
    """Make the part of a table that `scope` describes (with `t` for the table) hold exactly these rows."""
    staged, target, columns = f"staged_{table.name}", f"alm_reporting.{table.name}", ", ".join(table.columns)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE {staged} (LIKE {target}) ON COMMIT DROP")
        with cursor.copy(f"COPY {staged} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"ANALYZE {staged}")
        same = " AND ".join(f"s.{column} = t.{column}" for column in table.key)
        deleted = cursor.execute(
            f"DELETE FROM {target} t WHERE {scope} AND NOT EXISTS (SELECT 1 FROM {staged} s WHERE {same})", parameters
        ).rowcount
        inserted, updated = cursor.execute(_upsert(table, staged, target, same)).fetchone()
        if inserted > _MANY:
            # dbt reads next, sooner than autovacuum counts
            cursor.execute(f"ANALYZE {target}")
    return Changes(inserted, updated, deleted)


def _upsert(table: Table, staged: str, target: str, same: str) -> str:
    columns = ", ".join(table.columns)
    changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in table.columns if column not in table.key)
    return f"""
        WITH written AS (
            INSERT INTO {target} ({columns})
            SELECT {", ".join(f"s.{column}" for column in table.columns)}
            FROM {staged} s LEFT JOIN {target} t ON {same}
            WHERE ROW(s.*) IS DISTINCT FROM ROW(t.*)
            ON CONFLICT ({", ".join(table.key)}) DO UPDATE SET {changes}
            RETURNING xmax = 0 AS is_new
        )
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM written
    """
