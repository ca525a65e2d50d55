"""Tables that Python fills: made to hold exactly what was computed, and written only where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import LiteralString, NamedTuple

import psycopg

from fntx_dagster.store.queries import columns, one_row, own_sql


class Changes(NamedTuple):
    """Rows written to one table; all zero when it held them already."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __add__(  # pyright: ignore[reportIncompatibleMethodOverride]  # counts add up; a tuple joins
        self, other: Changes
    ) -> Changes:
        return Changes(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


class Synced(NamedTuple):
    """What was written, and the earliest day of a row that was changed, added or removed."""

    changes: Changes
    since: date | None


class SyncedTable(NamedTuple):
    """A table of alm_reporting: its key, the columns of the rows that are given, in their order, and, where it has one,
    the column with the day from which on a row counts."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]
    day: str | None = None


_MANY = 1_000


def sync(
    connection: psycopg.Connection,
    table: SyncedTable,
    rows: Iterable[Sequence],
    scope: LiteralString,
    parameters: Sequence,
) -> Changes:
    """Make the part of a table that `scope` describes (with `t` for the table) hold exactly these rows."""
    return sync_by_day(connection, table, rows, scope, parameters).changes


def sync_by_day(
    connection: psycopg.Connection,
    table: SyncedTable,
    rows: Iterable[Sequence],
    scope: LiteralString,
    parameters: Sequence,
) -> Synced:
    """`sync`, with the earliest day whose rows changed."""
    staged, target = own_sql(f"staged_{table.name}"), own_sql(f"alm_reporting.{table.name}")
    same = own_sql(" and ".join(f"s.{column} = t.{column}" for column in table.key))
    with connection.cursor() as cursor:
        cursor.execute(f"create temporary table {staged} (like {target} including generated) on commit drop")
        with cursor.copy(f"copy {staged} ({columns(table.columns)}) from stdin") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(f"analyze {staged}")
        deleted, gone_since = one_row(
            cursor.execute(
                f"""
                with gone as (
                    delete from {target} t where {scope} and not exists (select 1 from {staged} s where {same})
                    returning {_day(table, "t")} as day
                )
                select count(*), min(day) from gone
                """,
                parameters,
            )
        )
        inserted, updated, since = one_row(cursor.execute(_upsert(table, staged, target, same)))
        unknown = "select 1 from pg_class where oid = %s::regclass and reltuples < 0"
        if inserted > _MANY or (inserted and cursor.execute(unknown, [target]).fetchone()):
            # dbt reads next, sooner than autovacuum counts
            cursor.execute(f"analyze {target}")
    return Synced(Changes(inserted, updated, deleted), min(filter(None, (gone_since, since)), default=None))


def _upsert(table: SyncedTable, staged: LiteralString, target: LiteralString, same: LiteralString) -> LiteralString:
    changes = columns(f"{column} = excluded.{column}" for column in table.columns if column not in table.key)
    return f"""
        with differing as (
            select {columns(table.columns, of="s")},
                least({_day(table, "s")}, {_day(table, "t")}) as differing_since
            from {staged} s left join {target} t on {same}
            where row(s.*) is distinct from row(t.*)
        ), written as (
            insert into {target} ({columns(table.columns)})
            select {columns(table.columns)} from differing
            on conflict ({columns(table.key)}) do update set {changes}
            returning xmax = 0 as is_new
        )
        select count(*) filter (where is_new), count(*) filter (where not is_new),
            (select min(differing_since) from differing)
        from written
    """


def _day(table: SyncedTable, row: LiteralString) -> LiteralString:
    return own_sql(f"{row}.{table.day}") if table.day else "null::date"
