"""What Greeks and risk at the close are computed from, and where they are kept: `option_greeks`, `portfolio_greeks`.

Reads the closing positions that dbt built, with IB Gateway's marks where no statement gives one, and writes only what
differs. A range is inclusive on both ends and of all accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg.rows import namedtuple_row

from fntx_dagster.model.closing import ClosingDay, ClosingPosition, ClosingPrice, OptionRow, PortfolioRow
from fntx_dagster.model.period import Period
from fntx_dagster.model.shards import Accounts
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.current import NEAR_THE_CLOSE
from fntx_dagster.store.marts.tables import row_counts
from fntx_dagster.store.queries import AMONG, columns, listed, one_row
from fntx_dagster.store.syncing import Changes, SyncedTable, sync


def due(db: Readable, period: Period, only: Accounts = None) -> Period:
    """The days to compute in a run over a period: those, and where the inputs of a day have changed since it was
    computed, every day from the earliest such day to the last one that is built, because their value at risk depends
    on its closes."""
    first, last = period
    with db.connect() as connection:
        since, newest = one_row(connection.execute(_STALE, {"accounts": listed(only)}))
    return period if since is None else Period(min(first, since), max(last, newest or last))


def closing_days(db: Readable, period: Period, only: Accounts = None) -> list[ClosingDay]:
    """The sessions that are built, by account and day."""
    first, last = period
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {columns(ClosingDay._fields)} from alm_reporting.closing_days
            where trading_day between %(first)s and %(last)s and {AMONG} order by account_id, trading_day""",
            {"first": first, "last": last, "accounts": listed(only)},
        )
        return [ClosingDay._make(row) for row in rows]


def closing_positions(db: Readable, period: Period, only: Accounts = None) -> list[ClosingPosition]:
    """What was held at the closes, or touched in the sessions, by account, day and contract."""
    first, last = period
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        parameters = {"first": first, "last": last, "near": NEAR_THE_CLOSE, "accounts": listed(only)}
        rows = cursor.execute(_POSITIONS, parameters)
        return [ClosingPosition._make(row) for row in rows]


def closes(db: Readable, period: Period) -> list[ClosingPrice]:
    """The closing prices of shares in the statements, by account, symbol, currency and day."""
    first, last = period
    with db.connect() as connection:
        return [ClosingPrice._make(row) for row in connection.execute(_CLOSES, {"first": first, "last": last})]


def keep(
    db: Database,
    period: Period,
    options: Iterable[OptionRow],
    portfolios: Iterable[PortfolioRow],
    only: Accounts = None,
) -> tuple[Changes, Changes]:
    """Make both tables hold exactly these rows for the days of a period, of all accounts or of those of `only`, in one
    transaction."""
    scope = "t.trading_day between %s and %s and t.account_id = any(coalesce(%s::text[], array[t.account_id]))"
    within = (*period, listed(only))
    with db.connect() as connection:
        return (
            sync(connection, _OPTIONS, options, scope, within),
            sync(connection, _PORTFOLIOS, portfolios, scope, within),
        )


def rows_by_day(db: Readable, period: Period) -> dict[str, dict[date, int]]:
    """Rows per session of both tables."""
    return {table.name: row_counts(db, table.name, period) for table in (_OPTIONS, _PORTFOLIOS)}


_OPTIONS = SyncedTable("option_greeks", ("account_id", "trading_day", "contract_id"), OptionRow._fields)
_PORTFOLIOS = SyncedTable("portfolio_greeks", ("account_id", "trading_day"), PortfolioRow._fields)

_STALE = """
select min(trading_day), (select max(trading_day) from alm_reporting.closing_days)
from alm_reporting.closing_days as now
full join alm_reporting.portfolio_greeks as computed using (account_id, trading_day)
where now.inputs is distinct from computed.inputs
    and account_id = any(coalesce(%(accounts)s::text[], array[account_id]))
"""

# The gateway's marks count where its snapshot was taken near the session's close; later ones are of another market.
_POSITIONS = """
with marked as (
    select day.account_id, day.trading_day, least(seen.as_of, sessions.closes_at) as valued_at,
        held -> 'contract' ->> 'contract_id' as contract_id,
        case when held -> 'contract' ->> 'strike' is null then held -> 'contract' ->> 'symbol' end as symbol,
        held ->> 'currency' as currency,
        (held ->> 'mark')::numeric as mark
    from alm_reporting.current_days as day
    join alm_reporting.account_sessions as sessions using (account_id, trading_day)
    cross join lateral (select coalesce(day.snapshot -> 'at_close', day.snapshot) as taken) as nearest
    cross join lateral (select (taken ->> 'as_of')::timestamptz as as_of) as seen
    cross join lateral jsonb_array_elements(taken -> 'positions') as held
    where day.trading_day between %(first)s and %(last)s
        and seen.as_of between sessions.closes_at - %(near)s and sessions.closes_at + %(near)s
)
select
    account_id, trading_day, position.contract_id, position.symbol, asset_category, is_option, is_traded,
    underlying_symbol, strike, expiry, put_call, multiplier, position.currency, quantity, rate_to_base,
    coalesce(mark_price, own.mark) as mark,
    coalesce(mark_source, case when own.mark is not null then 'gateway' end) as mark_source,
    case when mark_price is null and own.mark is not null then own.valued_at else sessions.closes_at end as valued_at,
    coalesce(underlying_price, underlying.mark) as underlying_price,
    case when underlying_price is not null then 'statement' when underlying.mark is not null then 'gateway' end
        as underlying_source
from alm_reporting.closing_positions as position
join alm_reporting.account_sessions as sessions using (account_id, trading_day)
left join marked as own using (account_id, trading_day, contract_id)
left join lateral (
    select max(marked.mark) as mark from marked
    where marked.account_id = position.account_id and marked.trading_day = position.trading_day
        and marked.symbol = position.underlying_symbol and marked.currency = position.currency and is_option
) as underlying on underlying_price is null
where trading_day between %(first)s and %(last)s and sessions.trading_day between %(first)s and %(last)s
    and account_id = any(coalesce(%(accounts)s::text[], array[account_id]))
order by account_id, trading_day, position.contract_id
"""

_CLOSES = """
select account_id, symbol, currency, trading_day, max(mark_price), bool_and(is_comparable)
from alm_reporting.closing_positions
where not is_option and mark_price is not null and symbol is not null and trading_day between %(first)s and %(last)s
group by account_id, symbol, currency, trading_day
order by account_id, symbol, currency, trading_day
"""
