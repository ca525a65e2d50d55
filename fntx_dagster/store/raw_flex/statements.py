"""Loading statement files into raw_flex, and what has been loaded.

One file is one transaction, under locks that let one load at a time decide about an account (`merging` says how):

- For an account, a section and a day, the statement generated last takes precedence (`raw_flex.coverage`); of two
  generated at the same moment, the one loaded last, and within a file the later one. Other statements' rows for that
  day change nothing, so files may be loaded in any order. A section that is there without a row covers the day too.
- A row that this statement changes is updated, and what it replaced goes to `raw_flex.revisions`. A row that it no
  longer holds is marked withdrawn, and comes back when a later statement holds it again.
- A file whose content was loaded before is not read again: it can change nothing.

A row without a date of its own counts for the last day of its statement, so statements of one day date such rows
best.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.opening import CHUNK, open_statement
from fntx_dagster.adapters.flex.places import Place, size_of
from fntx_dagster.adapters.flex.statements import FlexFile, Reading
from fntx_dagster.errors import Permanent
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_row, one_value, own_sql, text_array
from fntx_dagster.store.raw_flex.direct_copy import AlreadyThere, DirectCopy
from fntx_dagster.store.raw_flex.folders import statement_files
from fntx_dagster.store.raw_flex.merging import Merge
from fntx_dagster.store.raw_flex.tables import Counts, table_of


@dataclass(frozen=True)
class FileLoad:
    """What became of one file. `status` is loaded, unchanged (no row differs from what was there) or failed."""

    file_name: str
    status: str
    sha256: str | None = None
    accounts: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None
    sections: dict[str, Counts] = field(default_factory=dict)
    """By table; a section without one of its own by its tag."""
    unknown_sections: tuple[str, ...] = ()
    unknown_attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    error: str | None = None
    path: Place | None = None

    @property
    def total(self) -> Counts:
        return sum(self.sections.values(), Counts())

    @property
    def listed(self) -> dict[str, Counts]:
        """`sections` for a person: of the unknown ones only the first few, and the others in sum."""
        unknown = frozenset(self.unknown_sections)
        more = [name for name in self.sections if name in unknown][_LISTED:]
        if not more:
            return self.sections
        rest = frozenset(more)
        shown = {name: counts for name, counts in self.sections.items() if name not in rest}
        return shown | {f"{len(more)} other sections": sum((self.sections[name] for name in more), Counts())}


def load_paths(database: Database, paths: Iterable[Place], date_order: DayOrder | None = None) -> list[FileLoad]:
    """Load files, and folders with every file beneath them that can hold a statement; one that cannot be loaded is an
    entry with an error. `date_order` is that of dates with slashes; a file that has the other one is refused."""
    return list(iter_loads(database, paths, date_order))


def iter_loads(database: Database, paths: Iterable[Place], date_order: DayOrder | None = None) -> Iterator[FileLoad]:
    """`load_paths`, one file at a time, for callers that show progress. Raises Transient when the database is away."""
    for path in statement_files(paths):
        try:
            yield replace(load_file(database, path, date_order), path=path)
        except Permanent as error:
            yield FileLoad(_name(path), "failed", error=str(error), path=path)


def load_file(database: Database, path: Place, date_order: DayOrder | None = None) -> FileLoad:
    """Load one file, wholly or not at all. Permanent for a file that cannot be read, Transient for the database."""
    before = _stamp(path)
    digest = _sha256(path)
    with database.connect() as connection:
        if earlier := _loaded_before(connection, digest, path):
            return earlier
        load = None
        with suppress(AlreadyThere), connection.transaction():  # the lock ends with what is rolled back in here
            alone = one_value(connection.execute("select pg_try_advisory_xact_lock(%s)", [_LOAD_LOCK]))
            if alone and _loaded_before(connection, digest, path) is None:
                load = _load_directly(connection, path, digest, date_order)
        if load is None:
            merge = Merge(connection, path, date_order)
            merge.stage()
            _take_turn(connection, merge.accounts)
            if earlier := _loaded_before(connection, digest, path):
                return earlier
            file_id = _add_file(connection, path, digest)
            load = _note(connection, file_id, digest, merge.file, merge.run(file_id))
        if _stamp(path) != before:
            raise Permanent(f"{path} changed while it was read", "Load it again when it has been written")
        _count_rows(connection, load.sections)
        return load


def covered_again(database: Database, newer: str, older: Collection[str]) -> set[str]:
    """Those of the loaded contents `older` (by SHA-256) of which the loaded `newer` covers every account and day."""
    query = """
        select sha256 from raw_flex.files as older where sha256 = any(%(older)s) and not exists (
            select from raw_flex.statements as earlier, generate_series(from_date, to_date, interval '1 day') as day
            where earlier.file_id = older.file_id and not exists (
                select from raw_flex.files join raw_flex.statements as again using (file_id)
                where sha256 = %(newer)s and again.account_id = earlier.account_id
                    and day between again.from_date and again.to_date
            )
        )
    """
    with database.connect() as connection:
        return {sha256 for (sha256,) in connection.execute(query, {"newer": newer, "older": list(older)})}


def never_loaded(database: Database, contents: Collection[str]) -> set[str]:
    """Those of some fetched contents (by SHA-256) that were never loaded."""
    query = """
        select distinct sha256 from raw_flex.fetches
        where sha256 = any(%s) and not exists (select from raw_flex.files where files.sha256 = fetches.sha256)
    """
    with database.connect() as connection:
        return {sha256 for (sha256,) in connection.execute(query, [list(contents)])}


_LISTED = 20
_LOAD_LOCK = 0x666E7478_0002
"""Advisory lock key: whoever has it alone decides what the tables hold; who shares it, about accounts of its own."""
_MOST_LOCKS = 64
"""Of how many accounts a load holds locks at most: PostgreSQL's table of locks has room for some thousands in all."""


def _take_turn(connection: psycopg.Connection, accounts: Collection[str]) -> None:
    """Wait until no other load decides about any of these accounts, until the end of the transaction."""
    if not 0 < len(accounts) <= _MOST_LOCKS:
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOAD_LOCK])
        return
    connection.execute("select pg_advisory_xact_lock_shared(%s)", [_LOAD_LOCK])
    keys = connection.execute(
        "select distinct hashtextextended('fntx load ' || id, 0) from unnest(%s::text[]) as asked (id) order by 1",
        [text_array(accounts)],
    ).fetchall()
    for key in keys:  # in one order everywhere, so that no two loads wait for each other
        connection.execute("select pg_advisory_xact_lock(%s)", key)


def _name(path: Place) -> str:
    """The file's name in characters a database takes, whatever bytes it is made of."""
    return os.fsencode(path.name).decode(errors="replace")


def _stamp(path: Place) -> tuple[int, int] | str | None:
    if not isinstance(path, Path):
        return path.sha256  # each reading proves it
    try:
        status = path.stat()
    except OSError:
        return None  # the reader's error is better
    return status.st_mtime_ns, status.st_size


def _sha256(path: Place) -> str:
    """Of the XML, so that a statement is the same one packed and unpacked."""
    if not isinstance(path, Path):
        return path.sha256
    digest = hashlib.sha256()
    try:
        with closing(open_statement(path)) as file:
            while piece := file.read(CHUNK):
                digest.update(piece)
    except OSError as error:
        raise Permanent(f"cannot read {path} ({error.strerror})", "Check the file's permissions") from None
    return digest.hexdigest()


def _loaded_before(connection: psycopg.Connection, digest: str, path: Place) -> FileLoad | None:
    """The report of a content loaded before: every row of it unchanged."""
    row = connection.execute("select file_id, delivered from raw_flex.files where sha256 = %s", [digest]).fetchone()
    if row is None:
        return None
    file_id, delivered = row
    sections = {name: Counts(unchanged=rows) for name, rows in delivered["sections"].items()}
    return _report(connection, file_id, _name(path), digest, "unchanged", sections, delivered)


def _load_directly(connection: psycopg.Connection, path: Place, digest: str, date_order: DayOrder | None) -> FileLoad:
    file_id, file = _add_file(connection, path, digest), FlexFile(path, Reading.TEXTS, date_order)
    return _note(connection, file_id, digest, file, DirectCopy(connection, file, file_id).run())


def _add_file(connection: psycopg.Connection, path: Place, digest: str) -> int:
    """What the file delivered is noted when it has been read."""
    return one_value(
        connection.execute(
            """insert into raw_flex.files (sha256, file_name, bytes, delivered) values (%s, %s, %s, '{}')
            returning file_id""",
            [digest, _name(path), size_of(path)],
        )
    )


def _note(
    connection: psycopg.Connection, file_id: int, digest: str, file: FlexFile, counts: dict[str, Counts]
) -> FileLoad:
    delivered = {
        "sections": {name: sum(rows) - rows.withdrawn for name, rows in counts.items()},
        "unknown_sections": sorted(file.unknown_sections),
        "unknown_attributes": {name: sorted(names) for name, names in file.unknown_attributes.items()},
    }
    connection.execute(
        "update raw_flex.files set query_name = %s, delivered = %s where file_id = %s",
        [file.query_name, Jsonb(delivered), file_id],
    )
    status = "loaded" if any(rows.changed for rows in counts.values()) else "unchanged"
    return _report(connection, file_id, _name(file.path), digest, status, counts, delivered)


def _count_rows(connection: psycopg.Connection, sections: Mapping[str, Counts]) -> None:
    """Let the planner know of tables that were empty and of many new rows. The marts may be built before autovacuum
    comes, and planned as for empty tables that takes minutes."""
    inserted: Counter[str] = Counter()
    for name, counts in sections.items():
        inserted[table_of(name)] += counts.inserted
    for table, rows in sorted(inserted.items()):
        unknown = "select 1 from pg_class where oid = %s::regclass and reltuples < 0"
        if rows > _MANY or (rows and connection.execute(unknown, [f"raw_flex.{table}"]).fetchone()):
            connection.execute(f"analyze raw_flex.{own_sql(table)}")


_MANY = 1_000


def _report(
    connection: psycopg.Connection,
    file_id: int,
    file_name: str,
    digest: str,
    status: str,
    sections: dict[str, Counts],
    delivered: dict[str, Any],
) -> FileLoad:
    accounts, first, last = one_row(
        connection.execute(
            """select coalesce(array_agg(distinct account_id order by account_id), '{}'), min(from_date), max(to_date)
            from raw_flex.statements where file_id = %s""",
            [file_id],
        )
    )
    unknown = {name: tuple(names) for name, names in delivered["unknown_attributes"].items()}
    return FileLoad(
        file_name,
        status,
        digest,
        tuple(accounts),
        first,
        last,
        dict(sorted(sections.items())),
        tuple(delivered["unknown_sections"]),
        unknown,
    )
