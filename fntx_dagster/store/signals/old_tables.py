"""The tables of a service that kept a position, orders and a trade for each user: which columns are read of them, the
copy of what they hold into temporary tables, and their archive. docs/signals-migration.md describes the columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import psycopg
from psycopg import sql

from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.store.database import Database
from fntx_dagster.store.queries import one_row, own_sql
from fntx_dagster.store.urls import first_line

KEPT = ("positions", "orders", "trades")
"""The tables that are archived; `signal_logs` stays in use."""


class OldColumn(NamedTuple):
    """A column that is read: its kind, the names that it may have, and whether a table has to have it."""

    name: str
    kind: str
    names: tuple[str, ...] = ()
    needed: bool = False


def _column(name: str, kind: str, *others: str, needed: bool = False) -> OldColumn:
    return OldColumn(name, kind, (name, *others), needed)


COLUMNS: Mapping[str, Sequence[OldColumn]] = {
    "positions": (
        _column("id", "bigint", needed=True),
        _column("user_id", "text", needed=True),
        _column("strategy_code", "text"),
        _column("order_id", "text"),
        _column("symbol", "text", needed=True),
        _column("side", "text"),
        _column("qty", "numeric", "quantity", needed=True),
        _column("entry_price", "numeric", "avg_entry_price", needed=True),
        _column("pnl", "numeric", "realized_pnl"),
        _column("status", "text", needed=True),
        _column("entry_time", "timestamptz", needed=True),
        _column("underlying", "text"),
        _column("strike_price", "numeric"),
        _column("option_type", "text"),
        _column("expiry_date", "timestamptz"),
        _column("exchange", "text"),
        _column("token", "text"),
        _column("strike_price_token", "text"),
        _column("lot_size", "numeric"),
    ),
    "orders": (
        _column("id", "bigint", needed=True),
        _column("position_id", "bigint", needed=True),
        _column("order_id", "text", needed=True),
        _column("side", "text", "order_type"),
        _column("exchange", "text"),
    ),
    "trades": (
        _column("id", "bigint", needed=True),
        _column("position_id", "bigint", needed=True),
        _column("user_id", "text"),
        _column("symbol", "text"),
        _column("qty", "numeric", "exit_qty", "quantity", needed=True),
        _column("entry_price", "numeric"),
        _column("exit_price", "numeric", needed=True),
        _column("exit_time", "timestamptz", needed=True),
        _column("pnl", "numeric", "gross_pnl", needed=True),
        _column("net_pnl", "numeric"),
        _column("exit_reason", "text"),
    ),
    "signal_logs": (
        _column("id", "bigint", needed=True),
        _column("unique_id", "text", needed=True),
        _column("strategy_code", "text", needed=True),
        _column("signal_type", "text", needed=True),
        _column("token", "text"),
        _column("strike_price_token", "text"),
    ),
}


@dataclass(frozen=True, slots=True)
class OldTables:
    """Where the old rows are: the schema, and the tables and columns that have other names. `zone`: of timestamps
    without one."""

    schema: str = "public"
    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    zone: str = "UTC"

    def table(self, name: str) -> str:
        return self.tables.get(name, name)


class TableDigest(NamedTuple):
    """How many rows a table holds, and a sum over all that they hold."""

    rows: int
    content: int


@contextmanager
def _source(db: Database) -> Iterator[psycopg.Connection]:
    """A transaction in the old database."""
    try:
        with db.connect() as connection:
            yield connection
    except Transient as error:
        raise Transient(f"the old database: {error.message}", "Check --from, and that its server runs") from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise Permanent(
            f"the old database refuses this ({first_line(error)})", "Connect with --from as the owner of the tables"
        ) from error


def copy_old_rows(old: Database, into: psycopg.Connection, tables: OldTables) -> dict[str, TableDigest]:
    """Copy what is read of the old tables into temporary tables `old_positions`, `old_orders`, `old_trades` and
    `old_signal_logs`, all as they are at one moment; each table's digest. Only the bytes of one block are in memory.

    Raises Permanent where a table or a column is missing, or a value cannot be read.
    """
    digests = {}
    with _source(old) as source:
        source.execute("set transaction isolation level repeatable read, read only")
        for name, wanted in COLUMNS.items():
            fields = ", ".join(f"{column.name} {column.kind}" for column in wanted)
            into.execute(own_sql(f"create temporary table old_{name} ({fields})"))
            found = _columns(source, tables, name)
            if not found:
                continue
            query = _query(tables, name, found)
            digests[name] = _digest(source, _identifier(tables, name))
            target = own_sql(f"copy old_{name} from stdin")
            try:
                with source.cursor().copy(query) as rows, into.cursor().copy(target) as staged:
                    for block in rows:
                        staged.write(block)
            except psycopg.DataError as error:
                raise Permanent(
                    f"a value of {tables.table(name)} cannot be read ({first_line(error)}: {error.diag.context})",
                    "Correct the row, or give the right column in the mapping",
                ) from error
            into.execute(own_sql(f"analyze old_{name}"))
    return digests


def _columns(source: psycopg.Connection, tables: OldTables, name: str) -> dict[str, tuple[str, str]]:
    """Column → its name in the old table, and its type there; empty where an optional table is not there."""
    rows = source.execute(
        "select column_name, data_type from information_schema.columns where table_schema = %s and table_name = %s",
        (tables.schema, tables.table(name)),
    ).fetchall()
    there: dict[str, str] = dict(rows)
    if not there and name in ("orders", "signal_logs") and name not in tables.tables:
        return {}
    own = tables.columns.get(name, {})
    found = {}
    for column in COLUMNS[name]:
        names = (own[column.name],) if column.name in own else column.names
        known = next((each for each in names if each in there), None)
        if known is not None:
            found[column.name] = (known, there[known])
        elif column.needed or column.name in own:
            raise Permanent(
                f"{tables.schema}.{tables.table(name)} has no column {' or '.join(names)}",
                f"Give the table's name under [tables], the column's under [columns.{name}] of the mapping",
            )
    return found


def _identifier(tables: OldTables, name: str, schema: str | None = None) -> sql.Identifier:
    return sql.Identifier(schema or tables.schema, tables.table(name))


def _query(tables: OldTables, name: str, found: Mapping[str, tuple[str, str]]) -> sql.Composed:
    parts: list[sql.Composable] = []
    for column in COLUMNS[name]:
        known = found.get(column.name)
        if known is None:
            parts.append(sql.SQL("null"))
        elif column.kind == "timestamptz" and known[1] in ("timestamp without time zone", "date"):
            parts.append(
                sql.SQL("{}::timestamp at time zone {}").format(sql.Identifier(known[0]), sql.Literal(tables.zone))
            )
        else:
            parts.append(sql.SQL("{}::text").format(sql.Identifier(known[0])))
    return sql.SQL("copy (select {} from {}) to stdout").format(sql.SQL(", ").join(parts), _identifier(tables, name))


def _digest(connection: psycopg.Connection, table: sql.Identifier) -> TableDigest:
    query = sql.SQL("select count(*), coalesce(sum(hashtextextended(old_row::text, 0)), 0) from {} as old_row")
    rows, content = one_row(connection.execute(query.format(table)))
    return TableDigest(rows, int(content))


def archive(old: Database, tables: OldTables, into: str, digests: Mapping[str, TableDigest]) -> dict[str, int]:
    """Take the right to write the old tables away from everybody, and copy them to the schema `into`, in one
    transaction: table → rows in the archive. A second time, it finds them there and changes nothing.

    Raises Permanent where a table holds something else than when it was read, or the archive than the table.
    """
    archived = {}
    with _source(old) as source:
        source.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(into)))
        source.execute(_REFUSAL.format(schema=sql.Identifier(into)))
        for name in (each for each in KEPT if each in digests):
            table, copied = _identifier(tables, name), _identifier(tables, name, into)
            source.execute(sql.SQL("lock table {} in share row exclusive mode").format(table))
            if _digest(source, table) != digests[name]:
                raise Permanent(
                    f"{tables.schema}.{tables.table(name)} was written to after it was compared", "Migrate again"
                )
            _freeze(source, tables, name, into)
            there = source.execute("select to_regclass(%s)", (copied.as_string(source),)).fetchone()
            if there == (None,):
                source.execute(sql.SQL("create table {} as table {}").format(copied, table))
            if _digest(source, copied) != digests[name]:
                raise Permanent(
                    f"{into}.{tables.table(name)} is no copy of {tables.schema}.{tables.table(name)}",
                    "Give another schema as `archive` in the mapping",
                )
            archived[name] = digests[name].rows
    return archived


_REFUSAL = sql.SQL("""
create or replace function {schema}.refuse() returns trigger language plpgsql as $$
begin
    raise exception '% is archived: the ledger of signals has what it held', tg_table_name
        using errcode = 'insufficient_privilege';
end $$
""")


def _freeze(source: psycopg.Connection, tables: OldTables, name: str, into: str) -> None:
    """Nobody may write the table: the rights are taken from all who have them, its owner too, and a trigger refuses
    those whom no right binds."""
    table = _identifier(tables, name)
    grantees = source.execute(
        """select distinct case when grantee = 0 then null else pg_get_userbyid(grantee) end
        from pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
        where pg_class.oid = %s::regclass""",
        (table.as_string(source),),
    ).fetchall()
    for (role,) in grantees:
        who = sql.SQL("public") if role is None else sql.Identifier(role)
        source.execute(sql.SQL("revoke insert, update, delete, truncate on {} from {}").format(table, who))
    source.execute(
        sql.SQL(
            """create or replace trigger archived before insert or update or delete or truncate on {}
            for each statement execute function {}.refuse()"""
        ).format(table, sql.Identifier(into))
    )


def drops(tables: OldTables, names: Sequence[str]) -> str:
    """The statement with which a later release drops the old tables."""
    listed = sql.SQL(", ").join(_identifier(tables, name) for name in names)
    return sql.SQL("drop table {}").format(listed).as_string(None)
