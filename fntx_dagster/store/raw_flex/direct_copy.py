"""Copies the rows of a file directly into the tables, where no statement covers its days yet."""

from __future__ import annotations

from datetime import date, timedelta

import psycopg

from fntx_dagster.adapters.flex.sections import OTHER
from fntx_dagster.adapters.flex.statements import FlexFile, Row, Statement
from fntx_dagster.store.accounting.changes import note_changed
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.raw_flex.copying import Copying, Objects, digest_of
from fntx_dagster.store.raw_flex.tables import COPY_TARGETS, Counts, covers_days, typed_values

AlreadyThere = psycopg.errors.UniqueViolation
"""A day that a statement covers already, or a row with the same key."""


class DirectCopy:
    """Copies the rows of a file into the tables as they are read; `AlreadyThere` where that is not all there is to do.

    The tables' own keys refuse it: the coverage's where a statement of this file or of another covers a day, the rows'
    where two have the same identity.
    """

    def __init__(self, connection: psycopg.Connection, file: FlexFile, file_id: int) -> None:
        self.connection = connection
        self.file = file
        self.file_id = file_id
        self._objects = Objects()
        self._rows: dict[str, int] = {}
        """By section name, and of those the ones that are not taken."""
        self._untaken: dict[str, int] = {}
        self._covers: set[tuple[str, str, str]] = set()
        self._since: dict[str, date] = {}
        """Account → the earliest day of a row that the system reads."""

    def run(self) -> dict[str, Counts]:
        sequence = "pg_get_serial_sequence('raw_flex.statements', 'statement_id')"
        self._id: int = one_value(self.connection.execute(f"select nextval({sequence}) - 1"))
        with Copying(self.connection, _STATEMENTS, _COVERAGE) as self._copying:
            for item in self.file:
                if isinstance(item, Row):
                    self._add_row(item)
                elif isinstance(item, Statement):
                    self._add_statement(item)
                else:
                    self._rows.setdefault(item.name, 0)
                    self._cover(item.statement, item.statement.account_id, item.name)
        self.connection.execute(f"select setval({sequence}, greatest(%s, 1))", [self._id])
        for account, since in self._since.items():
            note_changed(self.connection, account, since)
        return {
            name: Counts(inserted=rows - (untaken := self._untaken.get(name, 0)), superseded=untaken)
            for name, rows in self._rows.items()
        }

    def _add_statement(self, statement: Statement) -> None:
        self._id += 1
        self._statement_id = str(self._id)
        ordinal, *fields = ("" if value is None else str(value) for value in statement)
        self._copying.add(_STATEMENTS, (self._statement_id, str(self.file_id), *fields, ordinal))

    def _add_row(self, row: Row) -> None:
        statement, name, account = row.statement, row.name, row.account_id
        self._rows[name] += 1
        if account != statement.account_id:
            # A consolidated statement also covers the accounts whose rows it holds.
            self._cover(statement, account, name)
        if not covers_days(statement, name):
            self._untaken[name] = self._untaken.get(name, 0) + 1
            return
        day, delivered = row.day, self._objects(row)
        if row.section is not OTHER and not (account in self._since and self._since[account] <= day):
            self._since[account] = day
        head = (account, row.identity, self._statement_id, row.tag, str(day), digest_of(delivered), delivered)
        self._copying.add(COPY_TARGETS[row.section.table], (*head, *typed_values(row)))

    def _cover(self, statement: Statement, account: str, name: str) -> None:
        cover = (self._statement_id, account, name)
        if cover in self._covers or not covers_days(statement, name):
            return
        first, generated = statement.from_date, str(statement.when_generated)
        for days in range((statement.to_date - first).days + 1):
            day = str(first + timedelta(days=days))
            self._copying.add(_COVERAGE, (account, name, day, self._statement_id, generated))
        if not self._covers:  # where a file comes again, its first section is covered already
            self._copying.flush()
            self._copying.wait()
        self._covers.add(cover)


_STATEMENTS = (
    "raw_flex.statements (statement_id, file_id, account_id, from_date, to_date, period, when_generated, ordinal)"
)

_COVERAGE = "raw_flex.coverage (account_id, section, day, statement_id, when_generated)"
