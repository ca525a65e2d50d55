"""The metrics over a window of anybody's choice, out of the days and round trips that are built.

What belongs here: one query with the definitions of docs/metrics.md, as `rolling_metrics` has them for its own windows;
a test compares the two on every window of every day.
"""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row

from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading


def window_metrics(db: Readable, window: Period, account: str | None = None) -> list[dict[str, Any]]:
    """A row per account that has a day in the window, with the columns of `rolling_metrics`: ratios as fractions, money
    in base currency, None where a metric is undefined. `metric_window` is `FROM:TO`, `trading_day` the last session of
    the account in it; the multiples of paid-in capital are None, because they count from the beginning."""
    first, last = window
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_METRICS, {"first": first, "last": last, "account": account, "window": f"{first}:{last}"})
        return cursor.fetchall()


_METRICS = """
with days as (
    select summary.account_id, summary.trading_day, summary.base_currency,
        previous_day, sessions_a_year,
        summary.opening_nav_official as opening_nav, summary.closing_nav_official as closing_nav,
        summary.deposits, summary.withdrawals,
        case when invested > 0 then ((closing_nav_official + withdrawals) / invested - 1)::double precision end
            as daily_return,
        coalesce(official.stated_return, case when invested - withdrawals > 0
            then (closing_nav_official / (invested - withdrawals) - 1)::double precision end) as broker_return
    from alm_reporting.daily_summary as summary
    join alm_reporting.account_sessions using (account_id, trading_day)
    left join alm_reporting.official_days as official using (account_id, trading_day)
    cross join lateral (select summary.opening_nav_official + summary.deposits as invested) as money
    where trading_day between %(first)s and %(last)s
        and (%(account)s::text is null or account_id = %(account)s)
),
returns as (
    select account_id, max(trading_day) as trading_day, max(base_currency) as base_currency,
        max(sessions_a_year) as sessions_a_year,
        (array_agg(opening_nav order by trading_day))[1] as opens_with, min(previous_day) as opens_on,
        (array_agg(closing_nav order by trading_day desc))[1] as closing_nav,
        count(daily_return)::int as observations,
        case when count(daily_return) > 0 then alm_reporting.product(1 + daily_return) - 1 end as total_return,
        case when count(broker_return) > 0 then alm_reporting.product(1 + broker_return) - 1 end as broker_return,
        avg(daily_return) as mean,
        case when stddev_samp(daily_return) > 1e-15 then stddev_samp(daily_return) end as deviation,
        sqrt(avg(power(least(daily_return, 0), 2)) filter (where daily_return is not null)) as downside,
        alm_reporting.drawdown(daily_return order by trading_day) as drawdown,
        percentile_cont(0.05) within group (order by daily_return) as percentile,
        array_agg(daily_return order by daily_return) filter (where daily_return is not null) as ascending
    from days group by account_id
),
flows as (
    select account_id, array_agg(amount::double precision order by trading_day, amount desc) as amounts,
        array_agg(counts_from order by trading_day, amount desc) as days,
        array_agg(trading_day order by trading_day, amount desc) as own_days
    from days cross join lateral (values (deposits, previous_day), (-withdrawals, trading_day))
        as flow (amount, counts_from)
    where amount <> 0 group by account_id
),
money as (
    select account_id, trading_day - paid.days[1] as days_invested, trading_day - paid.own_days[1] as days_by_date,
        alm_reporting.money_weighted_growth(paid.amounts, paid.days, closing_nav::double precision, trading_day)
            as growth,
        alm_reporting.money_weighted_growth(paid.amounts, paid.own_days, closing_nav::double precision, trading_day)
            as growth_by_date
    from returns left join flows using (account_id)
    cross join lateral (select
        case when opens_with <> 0 then array[opens_with::double precision] end || flows.amounts as amounts,
        case when opens_with <> 0 then array[opens_on] end || flows.days as days,
        case when opens_with <> 0 then array[opens_on] end || flows.own_days as own_days
    ) as paid
),
trips as (
    -- a trip of unknown result is none that was won or lost
    select account_id, count(net_pnl) as trips, count(holding_time) as timed,
        count(*) filter (where net_pnl > 0) as wins, count(*) filter (where net_pnl < 0) as losses,
        coalesce(sum(net_pnl) filter (where net_pnl > 0), 0) as won,
        coalesce(sum(net_pnl) filter (where net_pnl < 0), 0) as lost,
        sum(extract(epoch from holding_time) / 3600) as hours_held,
        count(*) filter (where how_ended = 'traded') as traded,
        count(*) filter (where how_ended = 'expired') as expired,
        count(*) filter (where how_ended = 'assigned') as assigned,
        count(*) filter (where how_ended = 'exercised') as exercised,
        count(*) filter (where how_ended = 'delivered') as delivered,
        count(*) filter (
            where how_ended not in ('traded', 'expired', 'assigned', 'exercised', 'delivered')
        ) as otherwise
    from alm_reporting.round_trips where trading_day between %(first)s and %(last)s group by account_id
),
all_in as (
    select account_id, count(net_pnl) as trades_all_in, count(*) filter (where net_pnl > 0) as wins_all_in,
        count(*) filter (where net_pnl < 0) as losses_all_in, sum(net_pnl) as net_all_in
    from alm_reporting.all_in_trades where trading_day between %(first)s and %(last)s group by account_id
)
select account_id, trading_day, %(window)s as metric_window, base_currency, observations, total_return, broker_return,
    deviation * sqrt(sessions_a_year) as volatility,
    mean / deviation * sqrt(sessions_a_year) as sharpe,
    case when observations >= 2 and downside > 1e-15 then mean * sessions_a_year / (downside * sqrt(sessions_a_year))
        end as sortino,
    case when observations >= 2 then drawdown end as max_drawdown,
    case when observations >= 2 and days_invested >= 365 and drawdown < 0 and total_return >= -1
        then (power(1 + total_return, sessions_a_year * 1.0 / observations) - 1) / abs(drawdown) end as calmar,
    case when observations >= 2 then percentile end as var_95,
    case when observations >= 2 then (select avg(low) from unnest(ascending[:(observations - 1) / 20 + 1]) as low) end
        as cvar_95,
    growth - 1 as money_weighted_return,
    case when days_invested >= 365 then power(growth, 365.0 / days_invested) - 1 end as xirr,
    case when days_by_date >= 365 then power(growth_by_date, 365.0 / days_by_date) - 1 end as xirr_by_date,
    coalesce(wins, 0) as wins, coalesce(losses, 0) as losses, coalesce(trips - wins - losses, 0) as break_evens,
    (wins * 100.0 / nullif(wins + losses, 0))::double precision as win_rate,
    won / nullif(wins, 0) as average_win,
    lost / nullif(losses, 0) as average_loss,
    (won / nullif(-lost, 0))::double precision as profit_factor,
    (won + lost) / nullif(trips, 0) as expectancy,
    (hours_held / nullif(timed, 0))::double precision as average_holding_hours,
    coalesce(traded, 0) as ended_traded, coalesce(expired, 0) as ended_expired,
    coalesce(assigned, 0) as ended_assigned, coalesce(exercised, 0) as ended_exercised,
    coalesce(delivered, 0) as ended_delivered,
    coalesce(otherwise, 0) as ended_otherwise,
    coalesce(trades_all_in, 0) as trades_all_in,
    (wins_all_in * 100.0 / nullif(wins_all_in + losses_all_in, 0))::double precision as win_rate_all_in,
    net_all_in / nullif(trades_all_in, 0) as expectancy_all_in,
    null::numeric as paid_in, null::double precision as dpi, null::double precision as rvpi,
    null::double precision as tvpi
from returns join money using (account_id) left join trips using (account_id) left join all_in using (account_id)
order by account_id
"""
