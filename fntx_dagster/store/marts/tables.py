"""Whether and how far the marts are built, and the reading that they have in common.

Money comes back as Decimal, ratios as float, times aware and in UTC. A period is inclusive on both ends; `account` None
means every account.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from fntx_dagster.errors import Permanent
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_row, one_value

IN_RANGE = "trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)"


def built_from(db: Readable, sources: str) -> set[str]:
    """The views and tables that are there as dbt's files with the digest `sources` made them."""
    with db.connect() as connection:
        relations = connection.execute(
            """select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where nspname in ('alm_staging', 'alm_reporting') and obj_description(pg_class.oid, 'pg_class') = %s""",
            [sources],
        )
        return {name for (name,) in relations}


def built_span(db: Readable) -> tuple[()] | tuple[date, date]:
    """The first and the last session in any mart; empty where no mart has one."""
    tables = ("official_days", "chronological_events", "daily_summary", "rolling_metrics", "daily_verification")
    with db.connect() as connection:
        spans = [
            one_row(connection.execute(f"select min(trading_day), max(trading_day) from alm_reporting.{table}"))
            for table in tables
            if one_value(connection.execute("select to_regclass(%s)", [f"alm_reporting.{table}"]))
        ]
    days = [day for span in spans for day in span if day is not None]
    return (min(days), max(days)) if days else ()


def marts_exist(connection: psycopg.Connection) -> bool:
    """Whether dbt has built the tables; the first run does."""
    return one_value(connection.execute("select to_regclass('alm_reporting.daily_verification')")) is not None


def row_counts(db: Readable, table: str, period: Period) -> dict[date, int]:
    """Rows per session of a mart that has one."""
    first, last = period
    with reading(db) as connection:
        query = sql.SQL(
            "select trading_day, count(*) from alm_reporting.{} where trading_day between %s and %s group by 1"
        )
        return dict(connection.execute(query.format(sql.Identifier(table)), (first, last)).fetchall())


@contextmanager
def reading(db: Readable) -> Iterator[psycopg.Connection]:
    """A connection; Permanent where no run has built the tables yet."""
    with db.connect() as connection:
        if not marts_exist(connection):
            raise Permanent("no trading day is built yet", "Load statements, then `fntx run --from … --to …`")
        yield connection


def mart_rows(db: Readable, select: LiteralString, period: Period, account: str | None) -> list[dict[str, Any]]:
    first, last = period
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"{select} where {IN_RANGE} order by account_id, trading_day",
            {"first": first, "last": last, "account": account},
        )
        return cursor.fetchall()


def rows_on(db: Readable, select: LiteralString, days: Mapping[str, date]) -> list[dict[str, Any]]:
    """The rows of a mart that are of these accounts, each on its day, by account."""
    if not days:
        return []
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"""{select} join unnest(%s::text[], %s::date[]) as asked (account_id, trading_day)
            using (account_id, trading_day) order by account_id""",
            (list(days), list(days.values())),
        )
        return cursor.fetchall()
