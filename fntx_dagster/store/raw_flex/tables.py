"""What the tables of `raw_flex` have in common: typed columns, what a file changed in them, which days they cover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fntx_dagster.adapters.flex.sections import OTHER, SECTIONS, Section
from fntx_dagster.adapters.flex.statements import Row, Statement


class Counts(NamedTuple):
    """What one file did to one section, in rows."""

    inserted: int = 0
    updated: int = 0
    withdrawn: int = 0
    unchanged: int = 0
    superseded: int = 0
    """Not taken, because a statement generated later covers their day."""

    def __add__(  # pyright: ignore[reportIncompatibleMethodOverride]  # counts add up; a tuple joins
        self, other: Counts
    ) -> Counts:
        return Counts(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    @property
    def changed(self) -> bool:
        return bool(self.inserted or self.updated or self.withdrawn)


def typed_columns(section: Section) -> tuple[tuple[str, str], ...]:
    """Name and type of the columns that a row's values go into."""
    if section is OTHER:
        return (("section", "text"),)
    return tuple((column.name, column.kind.sql) for column in section.columns)


def typed_values(row: Row) -> Sequence[str]:
    """The values for `typed_columns`, of a file read as TEXTS."""
    return (row.name,) if row.section is OTHER else row.values  # pyright: ignore[reportReturnType]  # TEXTS are strings


PER_PERIOD = ("change_in_nav", "interest_accruals", "cash_report", "mtm_performance", "fifo_performance")
"""Sections whose rows sum a period: in a statement of several days it does not cover the single ones."""

COPY_TARGETS = {
    section.table: f"raw_flex.{section.table} (account_id, row_key, statement_id, row_kind, row_date, digest,"
    f" attributes, {', '.join(name for name, _ in typed_columns(section))})"
    for section in SECTIONS
}


def covers_days(statement: Statement, name: str) -> bool:
    return statement.from_date == statement.to_date or name not in PER_PERIOD


def table_of(name: str) -> str:
    return name if name in COPY_TARGETS else OTHER.table
