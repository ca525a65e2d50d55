"""Reading what dbt built: the days of a report, the summary, the metrics, the verification.

Only reads. Money comes back as Decimal, ratios as float, times aware and in UTC. A range is inclusive on both ends;
`account` None means every account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields as dataclass_fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import dict_row, namedtuple_row

from fntx_dagster.errors import Permanent
from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Block, Day, Event, OpenPosition
from fntx_dagster.model.difference import in_order
from fntx_dagster.model.holdings import Mark, StockPosition
from fntx_dagster.model.nav import NavDay
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Database

SUMMARY_FIELDS = (
    "account_id",
    "trading_day",
    "base_currency",
    "opening_nav_official",
    "opening_nav_calculated",
    "closing_nav_official",
    "closing_nav_calculated",
    "deposits",
    "withdrawals",
    "gross_pnl",
    "commissions",
    "interest",
    "fees",
    "broker_residual",
    "net_pnl",
    "nav_change",
    "difference",
    "difference_parts",
    "unexplained",
    "contracts_traded",
    "implied_turnover",
    "position_size_pct",
    "margin_used",
    "positions_expired",
    "positions_assigned",
    "positions_stopped",
)
"""The fields of a summary row, in the order in which programs read them; the names are the table's."""

METRIC_WINDOWS = ("30d", "30obs", "mtd", "ytd", "1y", "all")
"""The windows of rolling_metrics, in the order in which people and programs read them."""

_IN_RANGE = "trading_day between %(first)s and %(last)s and account_id = coalesce(%(account)s, account_id)"


class Verification(NamedTuple):
    """One equation of one day, with both sides in the unit of what it compares (money in base currency)."""

    account_id: str
    trading_day: date
    kind: str
    equation: str
    left_side: Decimal
    relation: str
    right_side: Decimal
    difference: Decimal
    tolerance: Decimal
    passed: bool


def summary(db: Database, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of daily_summary, ordered by account and day, as dicts with SUMMARY_FIELDS; parts and components as name →
    Decimal."""
    rows = _rows(db, f"select {', '.join(SUMMARY_FIELDS)} from alm_reporting.daily_summary", period, account)
    for row in rows:
        row["difference_parts"] = _parts(row["difference_parts"])
        row["nav_change"] = {name: Decimal(amount) for name, amount in (row["nav_change"] or {}).items()}
    return rows


def rolling_metrics(db: Database, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of rolling_metrics, ordered by account, day and METRIC_WINDOWS, as dicts with the table's columns."""
    rows = _rows(db, "select * from alm_reporting.rolling_metrics", period, account)
    place = {window: number for number, window in enumerate(METRIC_WINDOWS)}
    return sorted(rows, key=lambda row: (row["account_id"], row["trading_day"], place[row["metric_window"]]))


def nav_history(db: Database, account: str, last: date) -> list[NavDay]:
    """The official NAVs and flows of every session up to `last`, oldest first, in base currency."""
    with _reading(db) as connection:
        rows = connection.execute(
            """select trading_day, opening_nav_official, closing_nav_official, deposits, withdrawals
            from alm_reporting.daily_summary where account_id = %s and trading_day <= %s order by trading_day""",
            (account, last),
        )
        return [NavDay._make(row) for row in rows]


def built_from(db: Database, sources: str) -> set[str]:
    """The views and tables that are there as dbt's files with the digest `sources` made them."""
    with db.connect() as connection:
        found = connection.execute(
            """select relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where nspname in ('alm_staging', 'alm_reporting') and obj_description(pg_class.oid, 'pg_class') = %s""",
            [sources],
        )
        return {name for (name,) in found}


def told_span(db: Database) -> tuple[()] | tuple[date, date]:
    """The first and the last session that any mart tells; empty where none does."""
    tables = ("official_days", "chronological_events", "daily_summary", "rolling_metrics", "daily_verification")
    with db.connect() as connection:
        spans = [
            connection.execute(f"select min(trading_day), max(trading_day) from alm_reporting.{table}").fetchone()
            for table in tables
            if connection.execute("select to_regclass(%s)", [f"alm_reporting.{table}"]).fetchone()[0]
        ]
    days = [day for span in spans for day in span if day is not None]
    return (min(days), max(days)) if days else ()


def closing_marks(db: Database, account: str, day: date) -> dict[str, Mark]:
    """Contract → the broker's closing price of a session, where its statements tell it."""
    with _reading(db) as connection:
        rows = connection.execute(
            """select contract_id, mark_price, currency from alm_reporting.closing_positions
            where account_id = %s and trading_day = %s and mark_price is not null""",
            (account, day),
        )
        return {contract: Mark(price, currency) for contract, price, currency in rows}


def stock_positions(db: Database, account: str, period: Period) -> list[StockPosition]:
    """Shares that came or went in the range, lots that did so alike in one row, oldest first."""
    first, last = period
    with _reading(db) as connection:
        rows = connection.execute(
            """select symbol, direction, sum(quantity), entry_date, entry_price, origin, origin_option, exit_date,
                exit_price, how_ended, currency, sum(gross_pnl)
            from alm_reporting.stock_positions
            where account_id = %(account)s
                and (entry_date between %(first)s and %(last)s or exit_date between %(first)s and %(last)s)
            group by symbol, direction, entry_date, entry_price, origin, origin_option, exit_date, exit_price,
                how_ended, currency
            order by entry_date, min(entry_timestamp), symbol, exit_date, exit_price""",
            {"account": account, "first": first, "last": last},
        )
        return [StockPosition._make(row) for row in rows]


def portfolio_risk(db: Database, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of portfolio_greeks, ordered by account and day: sums of Greeks and value at risk, None where undefined,
    and `var_95_returns`, that of the account's own returns so far."""
    return _rows(
        db,
        """select * from (
            select risk.*, metrics.var_95 as var_95_returns from alm_reporting.portfolio_greeks as risk
            left join alm_reporting.rolling_metrics as metrics
                on metrics.account_id = risk.account_id and metrics.trading_day = risk.trading_day
                and metrics.metric_window = 'all'
        ) as risk""",
        period,
        account,
    )


def option_greeks(db: Database, period: Period, account: str | None = None) -> list[dict[str, Any]]:
    """Rows of option_greeks, ordered by account, day, underlying, expiry and strike; Greeks per unit, None where
    undefined."""
    rows = _rows(db, "select * from alm_reporting.option_greeks", period, account)
    return sorted(
        rows,
        key=lambda row: (
            row["account_id"],
            row["trading_day"],
            row["underlying_symbol"] or "",
            row["expiry"] or date.max,
            row["strike"] or 0,
            row["put_call"] or "",
            row["contract_id"],
        ),
    )


def days_without_risk(db: Database, period: Period, account: str | None = None) -> list[tuple[str, date]]:
    """(account, session) that have a summary and whose risk at the close was not computed since they were told."""
    first, last = period
    with _reading(db) as connection:
        return connection.execute(
            f"""select account_id, trading_day from alm_reporting.daily_summary as told
            where {_IN_RANGE} and not exists (
                select from alm_reporting.portfolio_greeks as risk
                where risk.account_id = told.account_id and risk.trading_day = told.trading_day
                    and risk.nav = told.closing_nav_official
            ) order by 1, 2""",
            {"first": first, "last": last, "account": account},
        ).fetchall()


def verifications(
    db: Database,
    period: Period,
    account: str | None = None,
    *,
    kinds: tuple[str, ...],
    failed_only: bool = False,
) -> list[Verification]:
    """The equations of the given kinds over a range, in the order of days."""
    first, last = period
    with _reading(db) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"""select {", ".join(Verification._fields)} from alm_reporting.daily_verification
            where {_IN_RANGE} and kind = any(%(kinds)s) and not (%(failed_only)s and passed)
            order by account_id, trading_day, kind, equation""",
            {"first": first, "last": last, "account": account, "kinds": list(kinds), "failed_only": failed_only},
        )
        return [Verification._make(row) for row in cursor]


def unverified_days(db: Database, period: Period, account: str | None = None) -> list[tuple[str, date]]:
    """(account, session) that have a summary and lack a kind of equation that every day has: nobody has looked."""
    first, last = period
    with _reading(db) as connection:
        return connection.execute(
            f"""select account_id, trading_day from alm_reporting.daily_summary as told
            where {_IN_RANGE} and 3 > (
                select count(distinct kind) from alm_reporting.daily_verification as verified
                where verified.account_id = told.account_id and verified.trading_day = told.trading_day
                    and kind <> 'historical'
            ) order by 1, 2""",
            {"first": first, "last": last, "account": account},
        ).fetchall()


def sessions_told(db: Database, period: Period, account: str) -> dict[date, tuple[int, datetime]]:
    """Session → (its number since the account's first, its close in UTC), for the sessions that have a summary."""
    first, last = period
    with _reading(db) as connection:
        rows = connection.execute(
            """select trading_day, number, closes_at from (
                select trading_day, row_number() over (order by trading_day) as number
                from alm_reporting.daily_summary where account_id = %s and trading_day <= %s
            ) as told join alm_reporting.trading_sessions on session = trading_day
            where trading_day >= %s""",
            (account, last, first),
        )
        return {row[0]: (row[1], row[2]) for row in rows}


def marts_exist(connection: psycopg.Connection) -> bool:
    """Whether dbt has built the tables; the first run does."""
    return connection.execute("select to_regclass('alm_reporting.daily_verification')").fetchone()[0] is not None


def accounts(db: Database) -> list[str]:
    """Accounts that have statements."""
    with db.connect() as connection:
        return [row[0] for row in connection.execute("select distinct account_id from raw_flex.statements order by 1")]


def row_counts(db: Database, table: str, period: Period) -> dict[date, int]:
    """Rows per session of a mart that has one."""
    first, last = period
    with _reading(db) as connection:
        query = sql.SQL(
            "select trading_day, count(*) from alm_reporting.{} where trading_day between %s and %s group by 1"
        )
        return dict(connection.execute(query.format(sql.Identifier(table)), (first, last)).fetchall())


def days(db: Database, account: str, period: Period) -> Iterator[Day]:
    """What the report of each session needs, oldest first; one query per table, whatever the range."""
    first, last = period
    key = {"first": first, "last": last, "account": account}
    with _reading(db) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        events = _by_block(cursor.execute(_EVENTS, key).fetchall())
        blocks = defaultdict(list)
        for row in cursor.execute(_BLOCKS, key).fetchall():
            blocks[row.trading_day].append(_block(row, tuple(events[row.block_id])))
        held = defaultdict(list)
        for row in cursor.execute(_HELD, key).fetchall():
            held[row.trading_day].append(_position(row))
        for row in cursor.execute(_DAYS, key).fetchall():
            yield _day(row, tuple(blocks[row.trading_day]), tuple(held[row.trading_day]))


_EVENTS = f"""
select * from alm_reporting.chronological_events where {_IN_RANGE} order by trading_day, event_number
"""

_BLOCKS = f"select * from alm_reporting.nav_blocks where {_IN_RANGE} order by trading_day, block_id"

_DAYS = """
select summary.*, sessions.previous_close, sessions.opens_at, sessions.closes_at, sessions.early_close
from alm_reporting.daily_summary as summary
join alm_reporting.trading_sessions as sessions on sessions.session = summary.trading_day
where summary.trading_day between %(first)s and %(last)s and summary.account_id = %(account)s
order by summary.trading_day
"""

# How a position ended counts for the day's story only when it ended that night.
_HELD = """
select
    summary.trading_day, contract_id, symbol, min(lots.description) as description, asset_category, underlying_symbol,
    multiplier, strike, expiry, put_call,
    sum(case direction when 'long' then quantity else -quantity end) as quantity,
    min(opened_at) as opened_at,
    (array_agg(open_price order by opened_at))[1] as open_price,
    night.ends,
    max(closed_at) filter (where night.ends is not null) as ended_at
from alm_reporting.daily_summary as summary
join alm_reporting.position_lots as lots
    on lots.account_id = summary.account_id
    and daterange(lots.opened_session, lots.closed_session) @> summary.trading_day
    and lots.closed_session is distinct from lots.opened_session
cross join lateral (
    select case
        when (closed_at at time zone 'America/New_York')::date = summary.trading_day
            and how_ended in ('expired', 'assigned', 'exercised', 'delivered') then how_ended
    end as ends
) as night
where summary.trading_day between %(first)s and %(last)s and summary.account_id = %(account)s
group by
    summary.trading_day, contract_id, symbol, asset_category, underlying_symbol, multiplier, strike, expiry, put_call,
    night.ends
order by summary.trading_day, asset_category, expiry, put_call desc, strike, contract_id
"""


@contextmanager
def _reading(db: Database) -> Iterator[psycopg.Connection]:
    """A connection; Permanent where no run has built the tables yet."""
    with db.connect() as connection:
        if not marts_exist(connection):
            raise Permanent("no trading day is told yet", "Load statements, then `fntx run --from … --to …`")
        yield connection


def _rows(db: Database, select: str, period: Period, account: str | None) -> list[dict[str, Any]]:
    first, last = period
    with _reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(
            f"{select} where {_IN_RANGE} order by account_id, trading_day",
            {"first": first, "last": last, "account": account},
        )
        return cursor.fetchall()


def _parts(stored: dict[str, str]) -> dict[str, Decimal]:
    """The named parts in the order of telling; jsonb keeps none."""
    return in_order({name: Decimal(amount) for name, amount in stored.items()})


def _by_block(rows: list[Any]) -> dict[str, list[Event]]:
    events = defaultdict(list)
    for row in rows:
        events[row.block_id].append(_event(row))
    return events


def _contract(row: Any) -> Contract:
    return Contract(
        contract_id=row.contract_id,
        symbol=row.symbol,
        description=row.description or row.symbol,
        asset_category=row.asset_category,
        underlying_symbol=row.underlying_symbol,
        multiplier=row.multiplier,
        strike=row.strike,
        expiry=row.expiry,
        put_call=row.put_call,
    )


def _event(row: Any) -> Event:
    return Event(
        event_id=row.event_id,
        event_type=row.event_type,
        at=row.event_timestamp,
        time_assumed=row.time_assumed,
        contract=_contract(row) if row.contract_id else None,
        quantity=row.quantity,
        price=row.price,
        currency=row.currency,
        fx_rate=row.fx_rate_to_base,
        fx_source=row.fx_source,
        opening_quantity=row.opening_quantity,
        closing_quantity=row.closing_quantity,
        premium=row.premium,
        premium_reversal=row.premium_reversal,
        gross_realised=row.gross_realised,
        commission=row.commission,
        amount=row.amount,
        nav_impact=row.nav_impact,
        nav_after=row.nav_after_event,
        description=row.description or "",
        linked_event_id=f"fill:{row.linked_fill_id}" if row.linked_fill_id else None,
    )


def _block(row: Any, events: tuple[Event, ...]) -> Block:
    return Block(
        block_id=row.block_id,
        kind=row.block_kind,
        phase=row.phase,
        starts_at=row.started_at,
        ends_at=row.ended_at,
        closes=row.closes,
        currency=row.currency,
        fx_rate=row.fx_rate_to_base,
        gross_pnl=row.gross_pnl,
        premium=row.premium,
        premium_reversal=row.premium_reversal,
        commissions=row.commissions,
        nav_impact=row.nav_impact,
        nav_after=row.nav_after,
        events=events,
    )


def _position(row: Any) -> OpenPosition:
    return OpenPosition(
        contract=_contract(row),
        quantity=row.quantity,
        opened_at=row.opened_at,
        open_price=row.open_price,
        ends=row.ends,
        ended_at=row.ended_at,
    )


def _day(row: Any, blocks: tuple[Block, ...], held: tuple[OpenPosition, ...]) -> Day:
    fields = {
        name: getattr(row, name)
        for name in (one.name for one in dataclass_fields(Day))
        if name not in ("difference_parts", "blocks", "open_at_close")
    }
    return Day(**fields, difference_parts=_parts(row.difference_parts), blocks=blocks, open_at_close=held)
