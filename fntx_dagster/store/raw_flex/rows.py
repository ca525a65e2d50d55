"""Rows of statements as delivered: one with its file and every attribute, and those of a day.

What belongs here: where an event of the story comes from. A row that a later delivery withdrew or replaced is still
there; so is what it said before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg import sql
from psycopg.rows import dict_row

from fntx_dagster.accounting.bookings import ACTION_KEY, TRANSFER_KEY
from fntx_dagster.adapters.flex.sections import SECTIONS
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.raw_flex.tables import typed_columns

TABLES = {section.table: section for section in SECTIONS}
"""Table → the section of a statement that it holds."""
SAID: dict[str, tuple[str, ...]] = {
    "change_in_nav": ("from_date", "to_date", "starting_value", "ending_value"),
    "equity_summary": ("report_date", "cash", "total"),
    "open_positions": ("symbol", "position", "mark_price", "position_value", "currency"),
    "interest_accruals": ("currency", "interest_accrued", "accrual_reversal", "fx_translation"),
    "conversion_rates": ("from_currency", "to_currency", "rate"),
    "cash_report": ("currency", "starting_cash", "ending_cash"),
    "dividend_accruals": ("symbol", "ex_date", "quantity", "net_amount", "currency"),
    "tier_interest": ("currency", "total_principal", "rate", "total_interest"),
    "option_eae": ("symbol", "transaction_type", "quantity", "trade_price"),
    "transaction_taxes": ("symbol", "tax_description", "tax_amount", "currency"),
}
"""The tables that a day's NAV and its parts are read from beside the fills and the cash, in the order of the page, and
the columns that tell their rows apart."""

PARTS_FROM = ("open_positions", "interest_accruals", "conversion_rates")
"""The tables that a part of the difference is read from, whether the statements of a day have rows of them or not."""


class SectionRows(NamedTuple):
    """Rows of one table that a day is made of: (row_id, kind, values of SAID). `has_more`: whether there are more than
    these."""

    table: str
    columns: Sequence[str]
    rows: Sequence[tuple[int, str, Sequence[Any]]]
    has_more: bool


class DeliveredFile(NamedTuple):
    """The file and the statement of a row; moments in UTC."""

    file_name: str
    sha256: str
    query_name: str | None
    bytes: int
    loaded_at: datetime
    covered: Period
    when_generated: datetime


class Replaced(NamedTuple):
    """What a row said before a correction: the attributes that differ from those of now, and the file."""

    replaced_at: datetime
    file_name: str
    attributes: Mapping[str, str]


class Attribute(NamedTuple):
    """An attribute as delivered; `column` and `value` where the system reads it, else None."""

    name: str
    text: str
    column: str | None
    value: Any


class RawRow(NamedTuple):
    """A row as delivered. `row_kind` is the element of the XML, `withdrawn_at` set where a later delivery of its day no
    longer had it."""

    table: str
    row_id: int
    row_key: str
    row_kind: str
    row_date: date
    withdrawn_at: datetime | None
    attributes: Sequence[Attribute]
    delivery: DeliveredFile
    replaced: Sequence[Replaced]


def source_of(event_id: str) -> tuple[str, str]:
    """The table and the row_key that an event of the story is made from."""
    kind, _, key = event_id.partition(":")
    if kind == "cash":
        table, prefix = ("transfers", TRANSFER_KEY) if key.startswith(TRANSFER_KEY) else ("cash_transactions", "")
    elif key.startswith(ACTION_KEY):
        table, prefix = "corporate_actions", ACTION_KEY
    else:
        table, prefix = ("transfers", TRANSFER_KEY) if key.startswith(TRANSFER_KEY) else ("trades", "")
    return table, key.removeprefix(prefix)


def events_from(table: str, row_key: str) -> list[str]:
    """The ids of the events that a row of a table can be."""
    return {
        "trades": [f"fill:{row_key}"],
        "cash_transactions": [f"cash:{row_key}"],
        "corporate_actions": [f"fill:{ACTION_KEY}{row_key}"],
        "transfers": [f"fill:{TRANSFER_KEY}{row_key}", f"cash:{TRANSFER_KEY}{row_key}"],
    }.get(table, [])


def row_ids(db: Readable, account: str, event_ids: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Event → the table and the id of its row; without the events that no row of a statement made."""
    wanted: dict[str, dict[str, str]] = {}
    for event_id in event_ids:
        table, key = source_of(event_id)
        wanted.setdefault(table, {})[key] = event_id
    found: dict[str, tuple[str, int]] = {}
    with db.connect() as connection:
        for table, keys in wanted.items():
            query = sql.SQL("select row_key, row_id from {} where account_id = %s and row_key = any(%s)")
            rows = connection.execute(query.format(sql.Identifier("raw_flex", table)), (account, list(keys)))
            found |= {keys[key]: (table, row_id) for key, row_id in rows}
    return found


def rows_of_day(db: Readable, account: str, days: Period, most: int) -> list[SectionRows]:
    """The rows of SAID whose day lies in `days`, at most `most` of each table; those that have none are left out,
    but for PARTS_FROM."""
    listed = []
    with db.connect() as connection:
        for table, columns in SAID.items():
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            query = sql.SQL(
                """select row_id, row_kind, {} from {}
                where account_id = %s and row_date between %s and %s and withdrawn_at is null
                order by row_date, row_id limit %s"""
            ).format(names, sql.Identifier("raw_flex", table))
            rows = connection.execute(query, (account, *days, most + 1)).fetchall()
            if rows or table in PARTS_FROM:
                shown = [(row[0], row[1], row[2:]) for row in rows[:most]]
                listed.append(SectionRows(table, columns, shown, len(rows) > most))
    return listed


def raw_row(db: Readable, account: str, table: str, row_id: int) -> RawRow | None:
    """One row of an account; None where there is none, or no such table."""
    if table not in TABLES:
        return None
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        query = sql.SQL("select * from {} where account_id = %s and row_id = %s")
        row = cursor.execute(query.format(sql.Identifier("raw_flex", table)), (account, row_id)).fetchone()
        if row is None:
            return None
        files = {
            each["statement_id"]: DeliveredFile(
                each["file_name"],
                each["sha256"],
                each["query_name"],
                each["bytes"],
                each["loaded_at"],
                Period(each["from_date"], each["to_date"]),
                each["when_generated"],
            )
            for each in cursor.execute(_FILES, {"id": row["statement_id"], "row": row_id, "kinds": _names(table, row)})
        }
        earlier = [
            Replaced(
                each["replaced_at"],
                files[each["statement_id"]].file_name if each["statement_id"] in files else "",
                {name: text for name, text in each["attributes"].items() if row["attributes"].get(name) != text},
            )
            for each in cursor.execute(_REVISIONS, {"row": row_id, "kinds": _names(table, row), "account": account})
        ]
    return RawRow(
        table,
        row["row_id"],
        row["row_key"],
        row["row_kind"],
        row["row_date"],
        row["withdrawn_at"],
        _attributes(table, row),
        files[row["statement_id"]],
        earlier,
    )


def lots_of(db: Readable, account: str, fill_id: str) -> list[tuple[str, str, bool]]:
    """The lots that a fill opened or closed: (lot_id, the id of its round trip, whether it opened it)."""
    with db.connect() as connection:
        return connection.execute(
            """select lot_id, round_trip_id, open_fill_id = %(fill)s
            from alm_reporting.position_lots join alm_reporting.fills using (account_id, contract_id)
            where account_id = %(account)s and fill_id = %(fill)s and %(fill)s in (open_fill_id, close_fill_id)
            order by lot_id""",
            {"account": account, "fill": fill_id},
        ).fetchall()


def ended_trips(db: Readable, account: str, round_trip_ids: Collection[str]) -> set[str]:
    """Which of these round trips have ended."""
    with db.connect() as connection:
        rows = connection.execute(
            "select round_trip_id from alm_reporting.round_trips where account_id = %s and round_trip_id = any(%s)",
            (account, list(round_trip_ids)),
        )
        return {row_id for (row_id,) in rows}


_FILES = """
select statement_id, file_name, sha256, query_name, bytes, loaded_at, from_date, to_date, when_generated
from raw_flex.statements join raw_flex.files using (file_id)
where statement_id = %(id)s
    or statement_id in (select statement_id from raw_flex.revisions where row_id = %(row)s and section = any(%(kinds)s))
"""

_REVISIONS = """
select replaced_at, statement_id, attributes from raw_flex.revisions
where row_id = %(row)s and section = any(%(kinds)s) and account_id = %(account)s order by revision_id desc limit 20
"""


def _names(table: str, row: Mapping[str, Any]) -> list[str]:
    """What the revisions call the section of a row."""
    return [table, *TABLES[table].tags, *([row["section"]] if "section" in row else [])]


def _attributes(table: str, row: Mapping[str, Any]) -> list[Attribute]:
    """Every attribute by name, with the column that is read from it."""
    read = {name for name, _ in typed_columns(TABLES[table])}
    columns = {
        attribute: column.name
        for column in TABLES[table].columns
        for attribute in (column.attribute, column.misspelt)
        if attribute and column.name in read
    }
    return [
        Attribute(name, text, columns.get(name), row[columns[name]] if name in columns else None)
        for name, text in sorted(row["attributes"].items(), key=lambda pair: (pair[0] not in columns, pair[0]))
    ]
