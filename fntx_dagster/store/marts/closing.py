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
from fntx_dagster.store.database import Database, Readable
from fntx_dagster.store.marts.current import NEAR_THE_CLOSE
from fntx_dagster.store.marts.tables import row_counts
from fntx_dagster.store.syncing import Changes, Table, sync


def due(db: Readable, period: Period) -> tuple[date, date]:
    """The days to compute in a run over `first` to `last`: those, and from the earliest day that was computed from
    something else than the tables now say on to the last told day, whose value at risk stands on its closes."""
    first, last = period
    with db.connect() as connection:
        since, told = connection.execute(_STALE).fetchone()
    return (first, last) if since is None else (min(first, since), max(last, told or last))


def closing_days(db: Readable, period: Period) -> list[ClosingDay]:
    """The told sessions, by account and day."""
    first, last = period
    with db.connect() as connection:
        rows = connection.execute(
            f"""select {", ".join(ClosingDay._fields)} from alm_reporting.closing_days
            where trading_day between %s and %s order by account_id, trading_day""",
            (first, last),
        )
        return [ClosingDay._make(row) for row in rows]


def closing_positions(db: Readable, period: Period) -> list[ClosingPosition]:
    """What was held at the closes, or touched in the sessions, by account, day and contract."""
    first, last = period
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        rows = cursor.execute(_POSITIONS, {"first": first, "last": last, "near": NEAR_THE_CLOSE})
        return [ClosingPosition._make(row) for row in rows]


def closes(db: Readable, period: Period) -> list[ClosingPrice]:
    """The closing prices of shares in the statements, by account, symbol, currency and day."""
    first, last = period
    with db.connect() as connection:
        return [ClosingPrice._make(row) for row in connection.execute(_CLOSES, {"first": first, "last": last})]


def keep(
    db: Database, period: Period, options: Iterable[OptionRow], portfolios: Iterable[PortfolioRow]
) -> tuple[Changes, Changes]:
    """Make both tables say exactly this of the days from `first` to `last`, in one transaction."""
    first, last = period
    scope = "t.trading_day BETWEEN %s AND %s"
    with db.connect() as connection:
        return (
            sync(connection, _OPTIONS, options, scope, (first, last)),
            sync(connection, _PORTFOLIOS, portfolios, scope, (first, last)),
        )


def rows_by_day(db: Readable, period: Period) -> dict[str, dict[date, int]]:
    """Rows per session of both tables."""
    return {table.name: row_counts(db, table.name, period) for table in (_OPTIONS, _PORTFOLIOS)}


_OPTIONS = Table("option_greeks", ("account_id", "trading_day", "contract_id"), OptionRow._fields)
_PORTFOLIOS = Table("portfolio_greeks", ("account_id", "trading_day"), PortfolioRow._fields)

_STALE = """
SELECT min(trading_day), (SELECT max(trading_day) FROM alm_reporting.closing_days)
FROM alm_reporting.closing_days AS now
FULL JOIN alm_reporting.portfolio_greeks AS computed USING (account_id, trading_day)
WHERE now.inputs IS DISTINCT FROM computed.inputs
"""

# The gateway's marks count where it was asked near the session's close; later, they are of another market.
_POSITIONS = """
WITH marked AS (
    SELECT day.account_id, day.trading_day, least(seen.as_of, sessions.closes_at) AS valued_at,
        held -> 'contract' ->> 'contract_id' AS contract_id,
        CASE WHEN held -> 'contract' ->> 'strike' IS NULL THEN held -> 'contract' ->> 'symbol' END AS symbol,
        held ->> 'currency' AS currency,
        (held ->> 'mark')::numeric AS mark
    FROM alm_reporting.current_days AS day
    JOIN alm_reporting.trading_sessions AS sessions ON sessions.session = day.trading_day
    CROSS JOIN LATERAL (SELECT coalesce(day.snapshot -> 'at_close', day.snapshot) AS told) AS nearest
    CROSS JOIN LATERAL (SELECT (told ->> 'as_of')::timestamptz AS as_of) AS seen
    CROSS JOIN LATERAL jsonb_array_elements(told -> 'positions') AS held
    WHERE day.trading_day BETWEEN %(first)s AND %(last)s
        AND seen.as_of BETWEEN sessions.closes_at - %(near)s AND sessions.closes_at + %(near)s
)
SELECT
    account_id, trading_day, position.contract_id, position.symbol, asset_category, is_option, is_traded,
    underlying_symbol, strike, expiry, put_call, multiplier, position.currency, quantity, rate_to_base,
    coalesce(mark_price, own.mark) AS mark,
    coalesce(mark_source, CASE WHEN own.mark IS NOT NULL THEN 'gateway' END) AS mark_source,
    CASE WHEN mark_price IS NULL AND own.mark IS NOT NULL THEN own.valued_at ELSE sessions.closes_at END AS valued_at,
    coalesce(underlying_price, underlying.mark) AS underlying_price,
    CASE WHEN underlying_price IS NOT NULL THEN 'statement' WHEN underlying.mark IS NOT NULL THEN 'gateway' END
        AS underlying_source
FROM alm_reporting.closing_positions AS position
JOIN alm_reporting.trading_sessions AS sessions ON sessions.session = position.trading_day
LEFT JOIN marked AS own USING (account_id, trading_day, contract_id)
LEFT JOIN LATERAL (
    SELECT max(marked.mark) AS mark FROM marked
    WHERE marked.account_id = position.account_id AND marked.trading_day = position.trading_day
        AND marked.symbol = position.underlying_symbol AND marked.currency = position.currency AND is_option
) AS underlying ON underlying_price IS NULL
WHERE trading_day BETWEEN %(first)s AND %(last)s
ORDER BY account_id, trading_day, position.contract_id
"""

_CLOSES = """
SELECT account_id, symbol, currency, trading_day, max(mark_price), bool_and(is_comparable)
FROM alm_reporting.closing_positions
WHERE NOT is_option AND mark_price IS NOT NULL AND symbol IS NOT NULL AND trading_day BETWEEN %(first)s AND %(last)s
GROUP BY account_id, symbol, currency, trading_day
ORDER BY account_id, symbol, currency, trading_day
"""
