"""What an account is compared with: a benchmark's closes in the statements, the rolling risk, and what trading cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fntx_dagster.model.against_market import RollingRisk
from fntx_dagster.model.contract import OPTIONS
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading
from fntx_dagster.store.queries import one_row

FULL_WINDOW = 30


def closes_of(db: Readable, symbol: str, period: Period) -> dict[date, tuple[Decimal, bool]]:
    """The closes of a share that any account's statements give, as a position or as the underlying of an option, each
    with whether no corporate action lies before it; in the currency that has most of them."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(_CLOSES, {"symbol": symbol, "first": first, "last": last})
        return {day: (price, is_comparable) for day, price, is_comparable in rows}


def sessions_before(db: Readable, account: str, period: Period) -> dict[date, date]:
    """Each session of an account in a range → the session before it."""
    with db.connect() as connection:
        rows = connection.execute(
            """select trading_day, previous_day from alm_reporting.account_sessions
            where account_id = %s and trading_day between %s and %s""",
            (account, *period),
        )
        return dict(rows.fetchall())


def rolling_risk(db: Readable, account: str, period: Period) -> list[RollingRisk]:
    """The window of 30 sessions at each session of a range, where it has all of them."""
    with reading(db) as connection:
        rows = connection.execute(
            """select trading_day, volatility, sharpe from alm_reporting.rolling_metrics
            where account_id = %s and metric_window = '30obs' and observations = %s and trading_day between %s and %s
            order by trading_day""",
            (account, FULL_WINDOW, *period),
        )
        return [RollingRisk._make(row) for row in rows]


def costs(db: Readable, account: str, period: Period) -> tuple[str, Decimal, Decimal, Decimal]:
    """The base currency of a range that is not empty; commissions and fees as booked (negative when they cost), without
    the tax that was withheld from dividends, and the premium of the short options that were opened in it, in base
    currency."""
    first, last = period
    with reading(db) as connection:
        booked = one_row(
            connection.execute(
                """select max(base_currency), coalesce(sum(commissions), 0),
                    coalesce(sum(fees - coalesce((nav_change ->> 'withholding_tax')::numeric, 0)), 0)
                from alm_reporting.daily_summary
                where account_id = %s and trading_day between %s and %s""",
                (account, first, last),
            )
        )
        premium = one_row(
            connection.execute(
                """select coalesce(sum(opening_quantity * price * multiplier * fx_rate_to_base), 0)
                from alm_reporting.fills
                where account_id = %s and session between %s and %s and event_type = 'trade' and quantity < 0
                    and asset_category = any(%s)""",
                (account, first, last, list(OPTIONS)),
            )
        )
    return *booked, premium[0]


_CLOSES = """
with given as (
    select currency, trading_day, mark_price as price, is_comparable
    from alm_reporting.closing_positions
    where not is_option and symbol = %(symbol)s and mark_price is not null
        and trading_day between %(first)s and %(last)s

    union all

    select currency, trading_day, underlying_price, null
    from alm_reporting.closing_positions
    where is_option and underlying_symbol = %(symbol)s and underlying_price is not null
        and trading_day between %(first)s and %(last)s
),

chosen as (select currency from given group by 1 order by count(distinct trading_day) desc, currency limit 1)

select trading_day, max(price), coalesce(bool_and(is_comparable), true)
from given join chosen using (currency) group by 1
"""
