"""The tables that a person or a notebook takes whole: rows of a range, with the kind of each column.

What belongs here: which table of the database has which name, which of its columns is the day, and in which order its
rows come. Columns are the table's own, all of them.
"""

from __future__ import annotations

from typing import NamedTuple

from fntx_dagster.model.data_table import DataTable, Kind
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading
from fntx_dagster.store.queries import own_sql


class _Source(NamedTuple):
    """A table, the days between which a row lies (the later one null while it is open), and the order of a day."""

    relation: str
    begins: str = "trading_day"
    ends: str = "trading_day"
    order: str = ""


_SOURCES = {
    "all_in": _Source("all_in_trades", order="trade_id"),
    "blocks": _Source("nav_blocks", order="ended_at, started_at, block_id"),
    "events": _Source("chronological_events", order="event_number"),
    "fills": _Source("fills", "session", "session", "executed_at, fill_id"),
    "greeks": _Source("option_greeks", order="underlying_symbol, expiry, strike, put_call, contract_id"),
    "lots": _Source("position_lots", "opened_session", "closed_session", "opened_at, lot_id"),
    "metrics": _Source("rolling_metrics", order="metric_window"),
    "portfolio": _Source("portfolio_greeks"),
    "positions": _Source("closing_positions", order="contract_id"),
    "round_trips": _Source("round_trips", order="closed_at, round_trip_id"),
    "stocks": _Source("stock_positions", "entry_date", "exit_date", "entry_timestamp, lot_id"),
    "summary": _Source("daily_summary"),
    "verification": _Source("daily_verification", order="kind, equation"),
}

# the types of PostgreSQL by their numbers; any other is text
_KINDS: dict[int, Kind] = {
    16: "boolean",
    20: "integer",
    21: "integer",
    23: "integer",
    114: "json",
    700: "float",
    701: "float",
    1082: "date",
    1184: "moment",
    1186: "duration",
    1700: "decimal",
    3802: "json",
}


def data_table(db: Readable, name: str, period: Period, account: str | None = None) -> DataTable:
    """One of `model.data_table.TABLES`: the rows of a range, by account and day. A lot is in every range between its
    opening and its end. Raises Permanent where no run has built the tables yet."""
    source = _SOURCES[name]
    first, last = period
    query = f"""select * from alm_reporting.{source.relation}
        where account_id = coalesce(%(account)s, account_id)
            and {source.begins} <= %(last)s and ({source.ends} is null or {source.ends} >= %(first)s)
        order by {", ".join(filter(None, ("account_id", source.begins, source.order)))}"""
    with reading(db) as connection:
        cursor = connection.execute(own_sql(query), {"account": account, "first": first, "last": last})
        columns: dict[str, Kind] = {
            column.name: _KINDS.get(column.type_code, "text") for column in cursor.description or ()
        }
        return DataTable(name, columns, cursor.fetchall())
