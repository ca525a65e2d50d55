"""The names of the statements in an object store, and the content (SHA-256) that each of them has.

Rows are added only: a name that is put again has a newer row, and a name that is loaded no more has a row that says by
what it is replaced. Each object that a row names was in the store before the row was written.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import LiteralString, NamedTuple

from psycopg.rows import class_row

from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.queries import columns


class FetchedMonth(NamedTuple):
    """What a fetched statement is of: its Flex query, the first day of its month, and the day in Hong Kong on which it
    was fetched."""

    query: str
    month: date
    fetched_on: date

    @property
    def file_name(self) -> str:
        return f"{self.query}_MTD_{self.fetched_on:%Y%m%d}.xml"


class ArchivedStatement(NamedTuple):
    """A row: a name and its content. `query`, `month` and `fetched_on` are None for a file that a person has put."""

    archived_id: int
    name: str
    query: str | None
    month: date | None
    fetched_on: date | None
    sha256: str
    bytes: int
    archived_at: datetime


def archived(db: Readable) -> list[ArchivedStatement]:
    """The names that are loaded, each with its newest content, by name."""
    return _rows(db, _CURRENT, {})


def archived_versions(db: Readable, query: str, month: date) -> list[ArchivedStatement]:
    """Every row of a query and month that nothing has replaced, the newest last."""
    condition = "where (query, month) = (%(query)s, %(month)s) and not exists ("
    return _rows(
        db,
        f"select {columns(ArchivedStatement._fields)} from raw_flex.archived as own {condition}"
        " select from raw_flex.archived_replaced as gone where gone.archived_id = own.archived_id"
        ") order by fetched_on, archived_id",
        {"query": query, "month": month},
    )


def archived_contents(db: Readable, digests: Collection[str] | None = None) -> list[ArchivedStatement]:
    """One row of each content that some row names, replaced or not; of `digests` (SHA-256) alone where given."""
    query = f"""select distinct on (sha256) {columns(ArchivedStatement._fields)} from raw_flex.archived
        where %(digests)s::text[] is null or sha256 = any(%(digests)s) order by sha256, archived_id desc"""
    return _rows(db, query, {"digests": None if digests is None else list(digests)})


def archive(db: Database, name: str, sha256: str, size: int, by: FetchedMonth | None = None) -> bool:
    """Give a name its content. False where it has that content already."""
    with db.connect() as connection:
        connection.execute("select pg_advisory_xact_lock(hashtextextended('archived ' || %s, 0))", [name])
        row = connection.execute(f"select sha256 from ({_CURRENT}) as own where name = %s", [name]).fetchone()
        if row is not None and row[0] == sha256:
            return False
        connection.execute(
            "insert into raw_flex.archived (name, query, month, fetched_on, sha256, bytes) values (%s,%s,%s,%s,%s,%s)",
            [name, *(by or (None, None, None)), sha256, size],
        )
        return True


def replace_archived(db: Database, archived_ids: Collection[int], by: int | None) -> list[str]:
    """Say that rows are replaced by a newer one, or by none; the names of those that were not before."""
    query = """
        with gone as (
            insert into raw_flex.archived_replaced (archived_id, replaced_by)
            select unnest(%s::bigint[]), %s on conflict do nothing returning archived_id
        )
        select name from raw_flex.archived join gone using (archived_id) order by archived_id
    """
    with db.connect() as connection:
        return [name for (name,) in connection.execute(query, [list(archived_ids), by])]


_CURRENT: LiteralString = """
select * from (
    select distinct on (name) archived_id, name, query, month, fetched_on, sha256, bytes, archived_at
    from raw_flex.archived order by name, archived_id desc
) as newest
where not exists (
    select from raw_flex.archived_replaced as gone where gone.archived_id = newest.archived_id
)
"""


def _rows(db: Readable, query: LiteralString, parameters: dict[str, object]) -> list[ArchivedStatement]:
    with db.connect() as connection, connection.cursor(row_factory=class_row(ArchivedStatement)) as cursor:
        return cursor.execute(query, parameters).fetchall()
