{{ config(indexes=[{'columns': ['account_id', 'trading_day', 'metric_window'], 'unique': true}]) }}

-- Performance over each window that ends at a session, by the definitions of docs/metrics.md. Ratios are floats, money
-- is exact; what is undefined is null, never 0.
with

returns as (
    select
        account_id,
        trading_day,
        opening_nav_official,
        closing_nav_official,
        deposits,
        withdrawals,
        row_number() over (partition by account_id order by trading_day) as session_number,
        case
            when opening_nav_official + deposits > 0
                then ((closing_nav_official + withdrawals) / (opening_nav_official + deposits) - 1)::double precision
        end as daily_return
    from {{ ref('daily_summary') }}
    where trading_day <= '{{ var("to_day") }}'::date
),

windows as (
    select
        as_of.account_id,
        as_of.trading_day,
        span.metric_window,
        span.first_day,
        span.first_session
    from returns as as_of
    cross join lateral (
        values
            ('30d', as_of.trading_day - 29, 0::bigint),
            ('30obs', '-infinity'::date, as_of.session_number - 29),
            ('mtd', date_trunc('month', as_of.trading_day)::date, 0),
            ('ytd', date_trunc('year', as_of.trading_day)::date, 0),
            ('all', '-infinity'::date, 0)
    ) as span (metric_window, first_day, first_session)
    where {{ in_range('as_of.trading_day') }}
),

members as (
    select
        windows.account_id,
        windows.trading_day,
        windows.metric_window,
        returns.trading_day as day,
        returns.daily_return,
        alm_reporting.product(1 + returns.daily_return) over window_days as wealth
    from windows
    inner join returns
        on returns.account_id = windows.account_id
        and returns.trading_day <= windows.trading_day
        and returns.trading_day >= windows.first_day
        and returns.session_number >= windows.first_session
    where returns.daily_return is not null
    window window_days as (
        partition by windows.account_id, windows.trading_day, windows.metric_window order by returns.trading_day
    )
),

drawdowns as (
    select
        *,
        -- the window's opening value is a peak too
        wealth / greatest(1, max(wealth) over (
            partition by account_id, trading_day, metric_window order by day
        )) - 1 as drawdown,
        row_number() over (partition by account_id, trading_day, metric_window order by daily_return, day) as place,
        count(*) over (partition by account_id, trading_day, metric_window) as observations
    from members
),

moments as (
    select
        account_id,
        trading_day,
        metric_window,
        count(*) as observations,
        (array_agg(wealth order by day desc))[1] - 1 as total_return,
        avg(daily_return) as mean,
        nullif(greatest(stddev_samp(daily_return), 1e-15), 1e-15) as deviation,
        sqrt(avg(power(least(daily_return, 0), 2))) as downside,
        min(drawdown) as lowest,
        case when count(*) >= 2 then percentile_cont(0.05) within group (order by daily_return) end as var_95,
        case
            when count(*) >= 2
                then avg(daily_return) filter (where place <= floor((observations - 1) * 0.05) + 1)
        end as cvar_95
    from drawdowns
    group by account_id, trading_day, metric_window
),

trips as (
    select
        windows.account_id,
        windows.trading_day,
        windows.metric_window,
        count(*) filter (where trips.net_pnl > 0) as wins,
        count(*) filter (where trips.net_pnl < 0) as losses,
        count(*) filter (where trips.net_pnl = 0) as break_evens
    from windows
    inner join returns as first_session
        on first_session.account_id = windows.account_id
        and first_session.session_number = greatest(windows.first_session, 1)
    inner join {{ ref('int_round_trips') }} as trips
        on trips.account_id = windows.account_id
        and trips.closed_day <= windows.trading_day
        and trips.closed_day >= windows.first_day
        and trips.closed_day >= first_session.trading_day
    group by 1, 2, 3
),

paid as (
    select
        returns.account_id,
        returns.trading_day,
        returns.closing_nav_official,
        coalesce(
            capital.amount,
            first_value(returns.opening_nav_official) over account_days
        ) + sum(returns.deposits) over account_days as paid_in,
        sum(returns.withdrawals) over account_days as paid_out
    from returns
    left join {{ source('accounting', 'initial_capital') }} as capital
        on capital.account_id = returns.account_id
    window account_days as (partition by returns.account_id order by returns.trading_day)
)

select
    windows.account_id,
    windows.trading_day,
    windows.metric_window,
    coalesce(moments.observations, 0) as observations,
    moments.total_return,
    moments.deviation * sqrt(252) as volatility,
    moments.mean / moments.deviation * sqrt(252) as sharpe,
    case
        when moments.observations >= 2 and moments.downside > 1e-15
            then moments.mean * 252 / (moments.downside * sqrt(252))
    end as sortino,
    case when moments.observations >= 2 then least(moments.lowest, 0) end as max_drawdown,
    -- annualised figures are not shown for less than a year (GIPS)
    case
        when moments.observations >= 252 and moments.lowest < 0 and moments.total_return > -1
            then (power(1 + moments.total_return, 252.0 / moments.observations) - 1) / abs(moments.lowest)
    end as calmar,
    moments.var_95,
    moments.cvar_95,
    coalesce(trips.wins, 0) as wins,
    coalesce(trips.losses, 0) as losses,
    coalesce(trips.break_evens, 0) as break_evens,
    (trips.wins * 100.0 / nullif(trips.wins + trips.losses, 0))::double precision as win_rate,
    case when windows.metric_window = 'all' then paid.paid_in end as paid_in,
    case when windows.metric_window = 'all' then (paid.paid_out / nullif(paid.paid_in, 0))::double precision end as dpi,
    case
        when windows.metric_window = 'all' then (paid.closing_nav_official / nullif(paid.paid_in, 0))::double precision
    end as rvpi,
    case
        when windows.metric_window = 'all'
            then ((paid.paid_out + paid.closing_nav_official) / nullif(paid.paid_in, 0))::double precision
    end as tvpi
from windows
inner join paid using (account_id, trading_day)
left join moments using (account_id, trading_day, metric_window)
left join trips using (account_id, trading_day, metric_window)
