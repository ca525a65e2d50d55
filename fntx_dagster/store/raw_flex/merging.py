"""How what a file holds gets into raw_flex: directly, where no statement covers its days yet, or else compared.

Both hold locks: one load at a time decides what the tables hold of an account.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from fntx_dagster.adapters.flex.formats import DayOrder
from fntx_dagster.adapters.flex.places import Place
from fntx_dagster.adapters.flex.sections import OTHER, SECTIONS, Section
from fntx_dagster.adapters.flex.statements import FlexFile, Reading, Row, Statement
from fntx_dagster.store.accounting.changes import note_covered
from fntx_dagster.store.queries import own_sql
from fntx_dagster.store.raw_flex import beside
from fntx_dagster.store.raw_flex.copying import Copying, Objects, digest_of
from fntx_dagster.store.raw_flex.tables import PER_PERIOD, Counts, table_of, typed_columns, typed_values


class Merge:
    """Compares a file's rows with what is there, in sets, and takes what differs.

    `stage` reads the file and hands over by what each row is known; `run`, under the locks of the accounts, decides the
    fate of each, and reads the file once more for the rows that are to be written, if there are any.
    """

    def __init__(self, connection: psycopg.Connection, path: Place, date_order: DayOrder | None = None) -> None:
        self.connection = connection
        self.file = FlexFile(path, Reading.KEYS, date_order)
        self.rows: dict[str, int] = {}
        """Delivered rows by section name."""
        self._staged: set[str] = set()
        """The tables of which the file holds rows, and of them those whose rows are to be read again."""
        self._wanted: set[str] = set()
        self._covers: set[tuple[int, str, str]] = set()
        self.accounts: set[str] = set()
        """Of which the file holds a statement or a row."""

    # -- what the file holds

    def stage(self) -> None:
        self.connection.execute(
            """
            create temporary table staged_statements (ordinal int, account_id text, from_date date, to_date date,
                period text, when_generated timestamptz) on commit drop;
            create temporary table staged_coverage (ordinal int, account_id text, section text) on commit drop;
            """
        )
        object_of = Objects()
        with Copying(self.connection) as copying:
            for seq, item in enumerate(self.file):
                if isinstance(item, Row):
                    self._stage_row(copying, seq, item, digest_of(object_of(item)))
                elif isinstance(item, Statement):
                    self.accounts.add(item.account_id)
                    copying.add("staged_statements", ["" if value is None else str(value) for value in item])
                else:
                    self.rows.setdefault(item.name, 0)
                    self._cover(copying, item.statement, item.statement.account_id, item.name)
        for section in self._sections(self._staged):
            self._analyze(section, "staged")

    def _stage_row(self, copying: Copying, seq: int, row: Row, digest: str) -> None:
        statement, name, table = row.statement, row.name, row.section.table
        if table not in self._staged:
            copying.wait()
            self.connection.execute(
                f"""create temporary table staged_{own_sql(table)} (ordinal int, seq bigint, account_id text, name text,
                    identity text, by_id boolean, digest text, row_kind text, row_date date) on commit drop"""
            )
            self._staged.add(table)
        self.rows[name] += 1
        if row.account_id != statement.account_id:
            # A consolidated statement also covers the accounts whose rows it holds.
            self._cover(copying, statement, row.account_id, name)
        known = (name, row.identity, "t" if row.by_id else "f", digest, row.tag, str(row.day))
        copying.add(f"staged_{table}", (str(statement.ordinal), str(seq), row.account_id, *known))

    def _cover(self, copying: Copying, statement: Statement, account: str, name: str) -> None:
        cover = (statement.ordinal, account, name)
        if cover not in self._covers:
            self._covers.add(cover)
            self.accounts.add(account)
            copying.add("staged_coverage", [str(part) for part in cover])

    # -- what becomes of it

    def run(self, file_id: int) -> dict[str, Counts]:
        self._cover_days(file_id)
        for section in self._sections(self._staged):
            self._resolve(section, file_id)
        self._read_again()
        counts = dict.fromkeys(self.rows, Counts())
        for section in self._sections({table_of(name) for name in self.rows}):
            changed = False
            for name, merged in self._merge_section(section).items():
                counts[name] += merged
                changed |= merged.changed
            if changed and section is not OTHER:  # nothing reads OTHER
                note_covered(self.connection, section.table, file_id)
        return counts

    @staticmethod
    def _sections(tables: Collection[str]) -> list[Section]:
        return [section for section in SECTIONS if section.table in tables]

    def _cover_days(self, file_id: int) -> None:
        """Find the days that this file's statements would cover if they were alone, `claims`, and those of them that
        no statement generated later covers, `covered`; these are noted in the coverage."""
        self.connection.execute(
            """insert into raw_flex.statements
                   (file_id, account_id, from_date, to_date, period, when_generated, ordinal)
               select %s, account_id, from_date, to_date, period, when_generated, ordinal
               from staged_statements order by ordinal""",
            [file_id],
        )
        self.connection.execute("create temporary table claims (like raw_flex.coverage) on commit drop")
        self.connection.execute(
            """
            insert into claims (account_id, section, day, statement_id, when_generated)
            select distinct on (staged.account_id, staged.section, day)
                staged.account_id, staged.section, day::date as day, statement_id, when_generated
            from staged_coverage as staged
            join raw_flex.statements on file_id = %s and statements.ordinal = staged.ordinal
            cross join generate_series(from_date::timestamp, to_date::timestamp, '1 day') as day
            where from_date = to_date or staged.section <> all (%s)
            order by staged.account_id, staged.section, day, when_generated desc, statements.ordinal desc
            """,
            [file_id, list(PER_PERIOD)],
        )
        self.connection.execute(
            """
            create temporary table covered on commit drop as
            with noted as (
                insert into raw_flex.coverage as known (account_id, section, day, statement_id, when_generated)
                select account_id, section, day, statement_id, when_generated from claims
                on conflict (account_id, section, day) do update
                    set statement_id = excluded.statement_id, when_generated = excluded.when_generated
                    where known.when_generated <= excluded.when_generated
                returning known.*
            )
            select account_id, section, day, statement_id, when_generated from noted
            """
        )
        self.connection.execute("analyze claims")
        self.connection.execute("analyze covered")
        query = sql.Literal(self.file.query_name)
        self.connection.execute(beside.OWN_DAYS.format(query=query, file_id=sql.Literal(file_id)))
        self.connection.execute("analyze own")

    def _resolve(self, section: Section, file_id: int) -> None:
        """One row per key that counts, and its fate, in `fresh_<table>`; 'compared' where only the digests differ.

        A key is the broker's id; where that is not unique in its statement, the id and a digest; without an id the
        digest, and a number from the second of identical rows on. A row that has moved to another day stays where it
        is when a newer statement covers that day. A row with an id of the broker's is taken as well where the newer
        statement is of another query, which may not choose it; what that one says of it stays.
        """
        self._execute(
            """
            create temporary table {fresh} on commit drop as
            with numbered as (
                select *, row_number() over (same order by seq) as nth,
                    min(digest) over same <> max(digest) over same as ambiguous
                from {staged}
                window same as (partition by account_id, name, identity, ordinal)
            ), keyed as (
                select *, case
                    when by_id and ambiguous then identity || '~' || digest
                    when by_id or nth = 1 then identity
                    else identity || '.' || nth end as row_key
                from numbered
            ), unique_keys as (
                -- within the file first, so that what else has been loaded does not decide which row that is
                select distinct on (account_id, row_key) keyed.*, claims.statement_id, claims.when_generated
                from keyed
                join raw_flex.statements on statements.file_id = {file_id} and statements.ordinal = keyed.ordinal
                join claims on claims.account_id = keyed.account_id and claims.section = keyed.name
                    and claims.day = keyed.row_date and claims.statement_id = statements.statement_id
                order by account_id, row_key, claims.when_generated desc, seq desc
            )
            select delivered.seq, delivered.account_id, delivered.row_key, delivered.by_id, delivered.name,
                delivered.row_kind,
                delivered.row_date, delivered.digest, delivered.statement_id, present.row_id,
                case
                    when present.row_id is null then 'inserted'
                    when present.withdrawn_at is null and present.row_date <> delivered.row_date
                        and known.when_generated > delivered.when_generated then 'superseded'
                    when present.withdrawn_at is not null or present.row_kind <> delivered.row_kind
                        or present.row_date <> delivered.row_date then 'updated'
                    when present.digest = delivered.digest then 'unchanged'
                    when covered.day is null and brought.when_generated > delivered.when_generated then 'superseded'
                    else 'compared' end as fate
            from unique_keys as delivered
            left join covered on covered.account_id = delivered.account_id and covered.section = delivered.name
                and covered.day = delivered.row_date
            left join {target} as present
                on present.account_id = delivered.account_id and present.row_key = delivered.row_key
            left join raw_flex.statements as brought on brought.statement_id = present.statement_id
            left join own on own.account_id = delivered.account_id and own.section = delivered.name
                and own.day = delivered.row_date
            left join raw_flex.coverage as known on known.account_id = delivered.account_id
                and known.section = delivered.name and known.day = present.row_date
            where covered.day is not null or delivered.by_id and own.day is not null
            """,
            section,
            file_id=sql.Literal(file_id),
        )
        self._analyze(section, "fresh")

    def _analyze(self, section: Section, which: LiteralString) -> None:
        """Let the planner know of many rows; with few, any plan will do."""
        if sum(rows for name, rows in self.rows.items() if table_of(name) == section.table) > _FEW:
            self._execute(f"analyze {{{which}}}", section)

    def _read_again(self) -> None:
        """Read the rows that are to be written, or to be compared as a whole, into `rows_<table>`."""
        wanted: set[int] = set()
        for section in self._sections(self._staged):
            rows = self._execute(
                "select seq from {fresh} where fate in ('inserted', 'updated', 'compared')", section
            ).fetchall()
            if not rows:
                continue
            self._wanted.add(section.table)
            wanted.update(seq for (seq,) in rows)
            columns = "".join(f", {name} {kind}" for name, kind in typed_columns(section))
            table = f"rows_{section.table} (seq bigint, attributes jsonb{columns})"
            self.connection.execute(f"create temporary table {own_sql(table)} on commit drop")
        if not wanted:
            return
        object_of = Objects()
        with Copying(self.connection) as copying:
            again = FlexFile(self.file.path, Reading.TEXTS, self.file.date_order, self.file.order)
            for seq, item in enumerate(again):
                if seq in wanted and isinstance(item, Row):
                    copying.add(f"rows_{item.section.table}", (str(seq), object_of(item), *typed_values(item)))

    def _merge_section(self, section: Section) -> dict[str, Counts]:
        counts = {name: Counts() for name in self.rows if table_of(name) == section.table}
        came, wanted = section.table in self._staged, section.table in self._wanted
        if wanted:
            self._execute(
                """update {fresh} as fresh
                set fate = case when present.attributes = rows.attributes then 'unchanged' else 'updated' end
                from {rows} as rows, {target} as present
                where fate = 'compared' and rows.seq = fresh.seq and present.row_id = fresh.row_id""",
                section,
            )
            self._keep_replaced(section)
        if came and section.identified and self.file.query_name is not None:
            self._execute(beside.NOTE_HOLDERS, section, **self._names(section))
        if wanted:
            self._update(section)
        if came:
            counts = self._count(section, counts)
        for name, withdrawn in self._withdraw(section, came):
            counts[name] += Counts(withdrawn=withdrawn)
        if wanted:
            self._insert(section)
        return counts

    def _count(self, section: Section, names: Collection[str]) -> dict[str, Counts]:
        counts = dict.fromkeys(names, Counts())
        for name, fate, rows in self._execute("select name, fate, count(*) from {fresh} group by name, fate", section):
            counts[name] += Counts(**{fate: rows})
        # A delivered row that none of them counts has its day covered by another statement, or came twice.
        return {name: c + Counts(superseded=self.rows[name] - sum(c)) for name, c in counts.items()}

    def _keep_replaced(self, section: Section) -> None:
        self._execute(
            """
            insert into raw_flex.revisions
                (section, row_id, account_id, row_key, statement_id, attributes, replaced_by_statement_id)
            select fresh.name, row_id, present.account_id, present.row_key, present.statement_id, present.attributes,
                fresh.statement_id
            from {fresh} as fresh join {target} as present using (row_id) join {rows} as rows using (seq)
            where fate = 'updated' and present.attributes <> rows.attributes
            """,
            section,
        )

    def _update(self, section: Section) -> None:
        self._execute(
            """
            update {target} as present
            set statement_id = fresh.statement_id, withdrawn_at = null, row_kind = fresh.row_kind,
                row_date = fresh.row_date, digest = fresh.digest, {assignments}
            from {fresh} as fresh join {rows} as rows using (seq)
            where fate = 'updated' and present.row_id = fresh.row_id
            """,
            section,
            assignments=sql.SQL(", ").join(sql.SQL("{0} = rows.{0}").format(column) for column in _read(section)),
        )

    def _withdraw(self, section: Section, came: bool) -> list[tuple[str, int]]:
        """Mark the present rows (nothing is inserted yet) of the covered days that were not delivered, but no row with
        an id of the broker's that another query delivered: this one may not choose it. Where another query's statement
        is newer, only what this query delivered is marked."""
        exists = sql.SQL("exists (select from {} as fresh where fresh.row_id = present.row_id)")
        delivered = exists.format(_fresh(section.table)) if came else sql.SQL("false")
        query = self.file.query_name
        if section.identified and query is not None:
            named = self._names(section) | {"delivered": delivered}
            self._execute(beside.LET_GO, section, **named)
            self._execute(beside.HAND_OVER, section, **named, is_of_query=beside.is_of_query(query))
        return self._execute(
            """
            with withdrawn as (
                update {target} as present set withdrawn_at = now() from own
                where own.section = {name} and present.account_id = own.account_id
                    and present.row_date = own.day and present.withdrawn_at is null and not {delivered}
                    and case when own.is_newest then not {beside} else {is_of_query} end
                returning own.section
            )
            select section, count(*) from withdrawn group by section
            """,
            section,
            name=sql.SQL("present.section") if section is OTHER else sql.Literal(section.table),
            delivered=delivered,
            beside=beside.is_of_another_query(query),
            is_of_query=beside.is_of_query(query),
        ).fetchall()

    def _names(self, section: Section) -> dict[str, sql.Composable]:
        return {"name": sql.Literal(section.table), "ours": sql.Literal(self.file.query_name)}

    def _insert(self, section: Section) -> None:
        read = sql.SQL(", ").join(_read(section))
        self._execute(
            """
            insert into {target} (account_id, row_key, statement_id, row_kind, row_date, digest, {read})
            select account_id, row_key, statement_id, row_kind, row_date, digest, {read}
            from {fresh} as fresh join {rows} as rows using (seq)
            where fate = 'inserted'
            order by seq
            """,
            section,
            read=read,
        )

    def _execute(self, query: LiteralString, section: Section, **more: sql.Composable) -> psycopg.Cursor[Any]:
        names = {
            "target": sql.Identifier("raw_flex", section.table),
            "staged": _staged(section.table),
            "fresh": _fresh(section.table),
            "rows": sql.Identifier(f"rows_{section.table}"),
        }
        return self.connection.execute(sql.SQL(query).format(**names, **more))


_FEW = 1_000


def _staged(table: str) -> sql.Identifier:
    return sql.Identifier(f"staged_{table}")


def _fresh(table: str) -> sql.Identifier:
    return sql.Identifier(f"fresh_{table}")


def _read(section: Section) -> list[sql.Identifier]:
    """The columns that hold what was read of a row."""
    return [sql.Identifier("attributes"), *(sql.Identifier(name) for name, _ in typed_columns(section))]
