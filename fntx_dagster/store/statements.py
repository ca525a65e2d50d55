"""Loading statement files into raw_flex, and what has been loaded.

One file is one transaction. Rows stream into temporary tables by COPY, and then everything is decided in sets, under a
lock that lets one load at a time decide:

- For an account, a section and a day, the statement generated last speaks (`raw_flex.coverage`); of two generated at
  the same moment, the one loaded last, and within a file the later one. What other statements say of that day changes
  nothing, so files may be loaded in any order. A section that is there without a row speaks too.
- A row that the speaking statement changes is updated, and what it replaced goes to `raw_flex.revisions`. A row that
  it no longer holds is marked withdrawn, and comes back when a later statement holds it again.
- A file whose content was loaded before is not read again: it can change nothing.

A row without a date of its own speaks for the last day of its statement, so such rows are told apart best by
statements per day.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from fntx_dagster.errors import Permanent
from fntx_dagster.flex.sections import OTHER, SECTIONS, Section
from fntx_dagster.flex.statements import Covered, FlexFile, Row, Statement
from fntx_dagster.store.changes import note_changes
from fntx_dagster.store.database import Database


class Counts(NamedTuple):
    """What one file did to one section, in rows."""

    inserted: int = 0
    updated: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    superseded: int = 0
    """Not taken, because a statement generated later has spoken for their day."""

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def changed(self) -> bool:
        return bool(self.inserted or self.updated or self.withdrawn)


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
    path: Path | None = None

    @property
    def total(self) -> Counts:
        return sum(self.sections.values(), Counts())


class AccountOverview(NamedTuple):
    """What has been loaded of one account."""

    account_id: str
    first_day: date
    last_day: date
    when_generated: datetime
    """Of the newest statement; UTC."""
    files: int
    nav_days: int
    """Days with an official NAV."""


def load_paths(database: Database, paths: Iterable[Path]) -> list[FileLoad]:
    """Load files, and folders with every `*.xml` beneath them; one that cannot be loaded is an entry with an error."""
    return list(iter_loads(database, paths))


def iter_loads(database: Database, paths: Iterable[Path]) -> Iterator[FileLoad]:
    """`load_paths`, one file at a time, for callers that show progress. Raises Transient when the database is away."""
    for path in _files(paths):
        try:
            yield replace(load_file(database, path), path=path)
        except Permanent as error:
            yield FileLoad(_name(path), "failed", error=str(error), path=path)


def load_file(database: Database, path: Path) -> FileLoad:
    """Load one file, wholly or not at all. Permanent for a file that cannot be read, Transient for the database."""
    before = _stamp(path)
    digest = _sha256(path)
    with database.connect() as connection:
        if earlier := _loaded_before(connection, digest, path):
            return earlier
        staging = _Staging(connection)
        file = FlexFile(path, as_text=True)
        staging.take(file)
        if _stamp(path) != before:
            raise Permanent(f"{path} changed while it was read", "Load it again when it has been written")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOAD_LOCK])
        if earlier := _loaded_before(connection, digest, path):
            return earlier
        return _Merge(connection, staging, file, digest).run()


def told_again(database: Database, newer: str, older: Collection[str]) -> set[str]:
    """Those of the loaded contents `older` (by SHA-256) of which the loaded `newer` tells every account and day."""
    query = """
        SELECT sha256 FROM raw_flex.files AS older WHERE sha256 = ANY(%(older)s) AND NOT EXISTS (
            SELECT FROM raw_flex.statements AS told, generate_series(from_date, to_date, interval '1 day') AS day
            WHERE told.file_id = older.file_id AND NOT EXISTS (
                SELECT FROM raw_flex.files JOIN raw_flex.statements AS again USING (file_id)
                WHERE sha256 = %(newer)s AND again.account_id = told.account_id
                    AND day BETWEEN again.from_date AND again.to_date
            )
        )
    """
    with database.connect() as connection:
        return {sha256 for (sha256,) in connection.execute(query, {"newer": newer, "older": list(older)})}


def fetched_in_vain(database: Database, contents: Collection[str]) -> set[str]:
    """Those of some contents (by SHA-256) that were fetched and never loaded."""
    query = """
        SELECT DISTINCT sha256 FROM raw_flex.fetches
        WHERE sha256 = ANY(%s) AND NOT EXISTS (SELECT FROM raw_flex.files WHERE files.sha256 = fetches.sha256)
    """
    with database.connect() as connection:
        return {sha256 for (sha256,) in connection.execute(query, [list(contents)])}


def loaded_overview(database: Database) -> list[AccountOverview]:
    """One entry per account, by account."""
    query = """
        SELECT account_id, min(from_date), max(to_date), max(when_generated), count(DISTINCT file_id),
            (SELECT count(DISTINCT to_date) FROM raw_flex.change_in_nav AS nav
             WHERE nav.account_id = statements.account_id AND withdrawn_at IS NULL AND ending_value IS NOT NULL)
        FROM raw_flex.statements GROUP BY account_id ORDER BY account_id
    """
    with database.connect() as connection:
        return [AccountOverview(*row) for row in connection.execute(query)]


# -- files ----------------------------------------------------------------------------------------------------------

_LOAD_LOCK = 0x666E7478_0002
"""Advisory lock key: one load at a time decides what the tables hold."""


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.xml")) if path.is_dir() else (path,)


def _name(path: Path) -> str:
    """The file's name in characters a database takes, whatever bytes it is made of."""
    return os.fsencode(path.name).decode(errors="replace")


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None  # the reader says it better
    return found.st_mtime_ns, found.st_size


def _sha256(path: Path) -> str:
    if not path.is_file():
        next(iter(FlexFile(path)))  # raises, naming what it is instead
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Permanent(f"cannot read {path} ({error.strerror})", "Check the file's permissions") from None


def _loaded_before(connection: psycopg.Connection, digest: str, path: Path) -> FileLoad | None:
    """The report of a content loaded before: every row of it unchanged."""
    row = connection.execute("SELECT file_id, delivered FROM raw_flex.files WHERE sha256 = %s", [digest]).fetchone()
    if row is None:
        return None
    file_id, delivered = row
    sections = {name: Counts(unchanged=rows) for name, rows in delivered["sections"].items()}
    return _report(connection, file_id, _name(path), digest, "unchanged", sections, delivered)


def _report(
    connection: psycopg.Connection,
    file_id: int,
    file_name: str,
    digest: str,
    status: str,
    sections: dict[str, Counts],
    delivered: dict[str, Any],
) -> FileLoad:
    accounts, first, last = connection.execute(
        """SELECT coalesce(array_agg(DISTINCT account_id ORDER BY account_id), '{}'), min(from_date), max(to_date)
           FROM raw_flex.statements WHERE file_id = %s""",
        [file_id],
    ).fetchone()
    unknown = {name: tuple(names) for name, names in delivered["unknown_attributes"].items()}
    return FileLoad(
        file_name,
        status,
        digest,
        tuple(accounts),
        first,
        last,
        sections,
        tuple(delivered["unknown_sections"]),
        unknown,
    )


# -- staging --------------------------------------------------------------------------------------------------------

_BATCH = 5000


class _Staging:
    """Temporary tables with what a file holds, filled in batches so that memory does not grow with the file.

    A thread hands the batches to the server, which takes one while the next is read; until all are handed over the
    connection is that thread's.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._sending: Future[None] | None = None
        self.rows: dict[str, int] = {}
        """Delivered rows by section name."""
        self.tables: set[str] = set()
        self._batches: dict[str, list[str]] = {}
        self._waiting = 0
        self._covers: dict[tuple[int, str, str], None] = {}
        self._objects: dict[tuple[str, ...], str] = {}

    def take(self, file: FlexFile) -> None:
        self._create_statements()
        seq = 0
        with ThreadPoolExecutor(max_workers=1) as self._sender:
            for item in file:
                kind = type(item)
                if kind is Row:
                    seq += 1
                    self._add_row(item, seq)
                elif kind is Statement:
                    self._add("statements", ["" if value is None else str(value) for value in item])
                else:
                    self._cover(item)
            self._flush()
            self._wait()
        for table in self.tables:
            self.connection.execute(sql.SQL("ANALYZE {}").format(_staged(table)))

    def _add_row(self, row: Row, seq: int) -> None:
        statement, name, by_id = row.statement, row.name, row.by_id
        table = row.section.table
        if table not in self.tables:
            self._wait()
            self._create(row.section)
        self.rows[name] = self.rows.get(name, 0) + 1
        if row.account_id != statement.account_id:
            # A consolidated statement speaks for the accounts whose rows it holds, too.
            self._add_cover(statement.ordinal, row.account_id, name)
        delivered = self._object(row.attributes)
        self._add(
            table,
            [
                str(statement.ordinal),
                str(seq),
                row.account_id,
                row.identity,
                "t" if by_id else "f",
                hashlib.blake2b(delivered.encode(), digest_size=8).hexdigest() if by_id else "",
                row.tag,
                str(row.day),
                delivered,
                *((name,) if row.section is OTHER else row.values),
            ],
        )

    def _object(self, attributes: dict[str, str]) -> str:
        """The attributes as a JSON object. Rows of one kind repeat the same names, and few values need escaping."""
        names = tuple(attributes)
        template = self._objects.get(names)
        if template is None:
            members = (f'{_encoded(name).replace("%", "%%")}: "%s"' for name in names)
            template = self._objects[names] = f"{{{', '.join(members)}}}"
        written = template % tuple(attributes.values())
        # of what must be escaped, XML lets no other control characters through
        if (
            written.count('"') != 4 * len(names)
            or "\\" in written
            or "\n" in written
            or "\r" in written
            or "\t" in written
        ):
            return _encoded(attributes)
        return written

    def _cover(self, covered: Covered) -> None:
        self.rows.setdefault(covered.name, 0)
        self._add_cover(covered.statement.ordinal, covered.statement.account_id, covered.name)

    def _add_cover(self, ordinal: int, account_id: str, name: str) -> None:
        cover = (ordinal, account_id, name)
        if cover not in self._covers:
            self._covers[cover] = None
            self._add("coverage", [str(ordinal), account_id, name])

    def _add(self, table: str, fields: Sequence[str]) -> None:
        self._batches.setdefault(table, []).append(_line(fields))
        self._waiting += 1
        if self._waiting >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        self._wait()
        batches, self._batches, self._waiting = self._batches, {}, 0
        self._sending = self._sender.submit(self._send, batches)

    def _wait(self) -> None:
        """Until the last batch is with the server; raises what it said."""
        if self._sending is not None:
            self._sending.result()

    def _send(self, batches: dict[str, list[str]]) -> None:
        for table, lines in batches.items():
            with self.connection.cursor().copy(sql.SQL("COPY {} FROM STDIN (NULL '')").format(_staged(table))) as copy:
                copy.write("".join(lines))

    def _create_statements(self) -> None:
        self.connection.execute(
            """
            CREATE TEMPORARY TABLE staged_statements (ordinal int, account_id text, from_date date, to_date date,
                period text, when_generated timestamptz) ON COMMIT DROP;
            CREATE TEMPORARY TABLE staged_coverage (ordinal int, account_id text, section text) ON COMMIT DROP;
            """
        )
        self.tables |= {"statements", "coverage"}

    def _create(self, section: Section) -> None:
        columns = "".join(f", {name} {kind}" for name, kind in _columns(section))
        self.connection.execute(
            f"""
            CREATE TEMPORARY TABLE staged_{section.table} (ordinal int, seq bigint, account_id text, identity text,
                by_id boolean, digest text, row_kind text, row_date date, attributes jsonb{columns}) ON COMMIT DROP
            """
        )
        self.tables.add(section.table)


_encoded = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def _line(fields: Sequence[str]) -> str:
    """A row in the text format of COPY, in which an empty field is null."""
    line = "\t".join(fields)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") >= len(fields):
        line = "\t".join([field.translate(_ESCAPES) for field in fields])
    return f"{line}\n"


def _staged(table: str) -> sql.Identifier:
    return sql.Identifier(f"staged_{table}")


def _columns(section: Section) -> tuple[tuple[str, str], ...]:
    if section is OTHER:
        return (("section", "text"),)
    return tuple((column.name, column.kind.sql) for column in section.columns)


# -- merging --------------------------------------------------------------------------------------------------------


_PER_PERIOD = ("change_in_nav", "interest_accruals", "cash_report")


class _Merge:
    """Takes what was staged into the tables; the load lock is held."""

    def __init__(self, connection: psycopg.Connection, staging: _Staging, file: FlexFile, digest: str) -> None:
        self.connection = connection
        self.staging = staging
        self.file = file
        self.digest = digest

    def run(self) -> FileLoad:
        delivered = {
            "sections": self.staging.rows,
            "unknown_sections": sorted(self.file.unknown_sections),
            "unknown_attributes": {name: sorted(found) for name, found in self.file.unknown_attributes.items()},
        }
        file_id = self._add_file(delivered)
        self._speak(file_id)
        counts = dict.fromkeys(self.staging.rows, Counts())
        for section in SECTIONS:
            merged = self._merge_section(section, file_id)
            for name, found in merged.items():
                counts[name] += found
            if section is not OTHER and any(found.changed for found in merged.values()):  # nothing reads OTHER
                note_changes(self.connection, section.table, file_id)
        changed = any(found.changed for found in counts.values())
        status = "loaded" if changed else "unchanged"
        return _report(self.connection, file_id, _name(self.file.path), self.digest, status, counts, delivered)

    def _add_file(self, delivered: dict[str, Any]) -> int:
        path = self.file.path
        (file_id,) = self.connection.execute(
            """INSERT INTO raw_flex.files (sha256, file_name, query_name, bytes, delivered)
               VALUES (%s, %s, %s, %s, %s) RETURNING file_id""",
            [self.digest, _name(path), self.file.query_name, path.stat().st_size, Jsonb(delivered)],
        ).fetchone()
        self.connection.execute(
            """INSERT INTO raw_flex.statements
                   (file_id, account_id, from_date, to_date, period, when_generated, ordinal)
               SELECT %s, account_id, from_date, to_date, period, when_generated, ordinal
               FROM staged_statements ORDER BY ordinal""",
            [file_id],
        )
        return file_id

    def _speak(self, file_id: int) -> None:
        """Find the days for which this file's statements would speak if they were alone, `claims`, and those of them
        for which no statement generated later has spoken, `spoken`; these are noted in the coverage."""
        self.connection.execute("CREATE TEMPORARY TABLE claims (LIKE raw_flex.coverage) ON COMMIT DROP")
        self.connection.execute(
            """
            INSERT INTO claims (account_id, section, day, statement_id, when_generated)
            SELECT DISTINCT ON (staged.account_id, staged.section, day)
                staged.account_id, staged.section, day::date AS day, statement_id, when_generated
            FROM staged_coverage AS staged
            JOIN raw_flex.statements ON file_id = %s AND statements.ordinal = staged.ordinal
            CROSS JOIN generate_series(from_date::timestamp, to_date::timestamp, '1 day') AS day
            -- a section of one row per period says nothing of the single days in a longer one
            WHERE from_date = to_date OR staged.section <> ALL (%s)
            ORDER BY staged.account_id, staged.section, day, when_generated DESC, statements.ordinal DESC
            """,
            [file_id, list(_PER_PERIOD)],
        )
        self.connection.execute(
            """
            CREATE TEMPORARY TABLE spoken ON COMMIT DROP AS
            WITH noted AS (
                INSERT INTO raw_flex.coverage AS known (account_id, section, day, statement_id, when_generated)
                SELECT account_id, section, day, statement_id, when_generated FROM claims
                ON CONFLICT (account_id, section, day) DO UPDATE
                    SET statement_id = excluded.statement_id, when_generated = excluded.when_generated
                    WHERE known.when_generated <= excluded.when_generated
                RETURNING known.*
            )
            SELECT account_id, section, day, statement_id, when_generated FROM noted
            """
        )
        self.connection.execute("ANALYZE claims")
        self.connection.execute("ANALYZE spoken")

    def _merge_section(self, section: Section, file_id: int) -> dict[str, Counts]:
        names = [name for name in self.staging.rows if _table(name) == section.table]
        counts = dict.fromkeys(names, Counts())
        if not names:
            return counts
        if section.table in self.staging.tables:
            self._resolve(section, file_id)
            counts = self._count(section, names)
            self._keep_replaced(section)
            self._update(section)
        for name, withdrawn in self._withdraw(section):
            counts[name] += Counts(withdrawn=withdrawn)
        if section.table in self.staging.tables:
            self._insert(section)
        return counts

    def _resolve(self, section: Section, file_id: int) -> None:
        """One row per key that counts, and its fate, in `fresh_<table>`.

        A key is the broker's id; where that is not unique in its statement, the id and a digest; without an id the
        digest, and a number from the second of identical rows on. A row that has moved to another day stays where it
        is when a newer statement has spoken for that day.
        """
        self._execute(
            """
            CREATE TEMPORARY TABLE {fresh} ON COMMIT DROP AS
            WITH numbered AS (
                SELECT seq, ordinal, account_id, identity, by_id, digest, row_kind, row_date, {name} AS name,
                    ctid AS place,
                    row_number() OVER (same ORDER BY seq) AS nth,
                    min(digest) OVER same <> max(digest) OVER same AS ambiguous
                FROM {staged}
                WINDOW same AS (PARTITION BY account_id, {name}, identity, ordinal)
            ), keyed AS (
                SELECT *, CASE
                    WHEN by_id AND ambiguous THEN identity || '~' || digest
                    WHEN by_id OR nth = 1 THEN identity
                    ELSE identity || '.' || nth END AS row_key
                FROM numbered
            ), unique_keys AS (
                -- within the file first, so that what else has been loaded does not decide which row that is
                SELECT DISTINCT ON (account_id, row_key) keyed.*, claims.statement_id, claims.when_generated
                FROM keyed
                JOIN raw_flex.statements ON statements.file_id = {file_id} AND statements.ordinal = keyed.ordinal
                JOIN claims ON claims.account_id = keyed.account_id AND claims.section = keyed.name
                    AND claims.day = keyed.row_date AND claims.statement_id = statements.statement_id
                ORDER BY account_id, row_key, claims.when_generated DESC, seq DESC
            )
            SELECT delivered.seq, delivered.place, delivered.account_id, delivered.row_key, delivered.name,
                delivered.statement_id, present.row_id,
                CASE
                    WHEN present.row_id IS NULL THEN 'inserted'
                    WHEN present.withdrawn_at IS NULL AND present.row_date <> delivered.row_date
                        AND known.when_generated > delivered.when_generated THEN 'superseded'
                    WHEN present.withdrawn_at IS NULL AND present.row_kind = delivered.row_kind
                        AND present.row_date = delivered.row_date AND present.attributes =
                            (SELECT attributes FROM {staged} AS staged WHERE staged.ctid = delivered.place)
                        THEN 'unchanged'
                    ELSE 'updated' END AS fate
            FROM unique_keys AS delivered
            JOIN spoken ON spoken.account_id = delivered.account_id AND spoken.section = delivered.name
                AND spoken.day = delivered.row_date
            LEFT JOIN {target} AS present
                ON present.account_id = delivered.account_id AND present.row_key = delivered.row_key
            LEFT JOIN raw_flex.coverage AS known ON known.account_id = delivered.account_id
                AND known.section = delivered.name AND known.day = present.row_date
            """,
            section,
            file_id=sql.Literal(file_id),
        )
        self._execute("ANALYZE {fresh}", section)

    def _keep_replaced(self, section: Section) -> None:
        self._execute(
            """
            INSERT INTO raw_flex.revisions
                (section, row_id, account_id, row_key, statement_id, attributes, replaced_by_statement_id)
            SELECT fresh.name, row_id, present.account_id, present.row_key, present.statement_id, present.attributes,
                fresh.statement_id
            FROM {fresh} AS fresh JOIN {target} AS present USING (row_id) JOIN {staged} AS staged USING (seq)
            WHERE fate = 'updated' AND present.attributes <> staged.attributes
            """,
            section,
        )

    def _update(self, section: Section) -> None:
        columns = [sql.Identifier(name) for name in ("row_kind", "row_date", "attributes", *_names(section))]
        self._execute(
            """
            UPDATE {target} AS present SET statement_id = fresh.statement_id, withdrawn_at = NULL, {assignments}
            FROM {fresh} AS fresh JOIN {staged} AS staged USING (seq)
            WHERE fate = 'updated' AND present.row_id = fresh.row_id
            """,
            section,
            assignments=sql.SQL(", ").join(sql.SQL("{0} = staged.{0}").format(column) for column in columns),
        )

    def _insert(self, section: Section) -> None:
        columns = [sql.Identifier(name) for name in ("row_kind", "row_date", "attributes", *_names(section))]
        self._execute(
            """
            INSERT INTO {target} (account_id, row_key, statement_id, {columns})
            SELECT fresh.account_id, row_key, statement_id, {values}
            FROM (SELECT * FROM {fresh} WHERE fate = 'inserted' ORDER BY seq) AS fresh
            -- each row is fetched from its place: sorting the rows themselves would take longer than inserting them
            CROSS JOIN LATERAL (SELECT * FROM {staged} AS staged WHERE staged.ctid = fresh.place OFFSET 0) AS staged
            """,
            section,
            columns=sql.SQL(", ").join(columns),
            values=sql.SQL(", ").join(sql.SQL("staged.{}").format(column) for column in columns),
        )

    def _count(self, section: Section, names: list[str]) -> dict[str, Counts]:
        found = dict.fromkeys(names, Counts())
        for name, fate, rows in self._execute("SELECT name, fate, count(*) FROM {fresh} GROUP BY name, fate", section):
            found[name] += Counts(**{fate: rows})
        # What was delivered and is in none of them had its day spoken for by another statement, or was there twice.
        return {name: c + Counts(superseded=self.staging.rows[name] - sum(c)) for name, c in found.items()}

    def _withdraw(self, section: Section) -> list[tuple[str, int]]:
        """Mark what is there (nothing is inserted yet) for the days spoken for and was not delivered."""
        delivered = sql.SQL("EXISTS (SELECT FROM {} AS fresh WHERE fresh.row_id = present.row_id)")
        rows_came = section.table in self.staging.tables
        return self._execute(
            """
            WITH withdrawn AS (
                UPDATE {target} AS present SET withdrawn_at = now() FROM spoken
                WHERE spoken.section = {present_name} AND present.account_id = spoken.account_id
                    AND present.row_date = spoken.day AND present.withdrawn_at IS NULL AND NOT {delivered}
                RETURNING spoken.section
            )
            SELECT section, count(*) FROM withdrawn GROUP BY section
            """,
            section,
            present_name=sql.SQL("present.section") if section is OTHER else sql.Literal(section.table),
            delivered=delivered.format(_fresh(section.table)) if rows_came else sql.SQL("false"),
        ).fetchall()

    def _execute(self, query: str, section: Section, **more: sql.Composable) -> psycopg.Cursor[Any]:
        names = {
            "target": sql.Identifier("raw_flex", section.table),
            "staged": _staged(section.table),
            "fresh": _fresh(section.table),
            "name": sql.SQL("section") if section is OTHER else sql.Literal(section.table),
        }
        return self.connection.execute(sql.SQL(query).format(**names, **more))


def _fresh(table: str) -> sql.Identifier:
    return sql.Identifier(f"fresh_{table}")


def _table(name: str) -> str:
    return name if name in _TABLES else OTHER.table


def _names(section: Section) -> tuple[str, ...]:
    return tuple(name for name, _ in _columns(section))


_TABLES = frozenset(section.table for section in SECTIONS)
