{{ config(indexes=[{'columns': ['account_id', 'trading_day', 'metric_window'], 'unique': true}]) }}

-- Performance over each window that ends at a session, by the definitions of docs/metrics.md. Ratios are floats, money
-- is exact; what is undefined is null, never 0.

{#- name: what a window starts again with, the frame in which it slides, the first row that the run's windows need -#}
{%- set from_day = "'" ~ var("from_day") ~ "'::date" -%}
{%- set windows = [
    ("30d", "", "order by trading_day range between interval '29 days' preceding and current row",
        "trading_day >= " ~ from_day ~ " - 29"),
    ("30obs", "", "order by session_number range between 29 preceding and current row",
        "session_number >= first_number - 29"),
    ("mtd", ", date_trunc('month', trading_day)", "order by trading_day",
        "trading_day >= date_trunc('month', " ~ from_day ~ ")"),
    ("qtd", ", date_trunc('quarter', trading_day)", "order by trading_day",
        "trading_day >= date_trunc('quarter', " ~ from_day ~ ")"),
    ("ytd", ", date_trunc('year', trading_day)", "order by trading_day",
        "trading_day >= date_trunc('year', " ~ from_day ~ ")"),
    ("1y", "", "order by trading_day range between interval '364 days' preceding and current row",
        "trading_day >= " ~ from_day ~ " - 364"),
    ("5y", "", "order by trading_day range between interval '1824 days' preceding and current row",
        "trading_day >= " ~ from_day ~ " - 1824"),
    ("all", "", "order by trading_day", "true"),
] -%}
{%- set endings = ["traded", "expired", "assigned", "exercised", "delivered"] %}

with

summary as (
    select
        summary.account_id,
        summary.trading_day,
        summary.base_currency,
        sessions.previous_day,
        sessions.sessions_a_year,
        summary.opening_nav_official as opening_nav,
        summary.closing_nav_official as closing_nav,
        summary.deposits,
        summary.withdrawals,
        case when invested > 0 then ((closing_nav_official + withdrawals) / invested - 1)::double precision end
            as daily_return,
        -- the broker's own figure where the statement has it; the broker counts every flow from the start of its day
        coalesce(
            official.stated_return,
            case
                when invested - withdrawals > 0
                    then (closing_nav_official / (invested - withdrawals) - 1)::double precision
            end
        ) as broker_return
    from {{ ref('daily_summary') }} as summary
    cross join lateral (select summary.opening_nav_official + summary.deposits as invested) as money
    left join {{ ref('official_days') }} as official using (account_id, trading_day)
    left join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    where trading_day <= '{{ var("to_day") }}'::date
),

-- An account's deposits, and withdrawals below 0, in their order. A deposit is there from the close before its session
-- on, a withdrawal until the close of its own; a spreadsheet takes both at the date of their session.
flows as (
    select
        account_id,
        array_agg(amount::double precision order by trading_day asc, amount desc) as amounts,
        array_agg(counts_from order by trading_day asc, amount desc) as days,
        array_agg(trading_day order by trading_day asc, amount desc) as own_days
    from summary
    cross join lateral (values (deposits, previous_day), (-withdrawals, trading_day)) as flow (amount, counts_from)
    where amount <> 0
    group by account_id
),

trips as (
    select
        account_id,
        trading_day,
        -- int: sums of bigint would be numeric
        -- a trip of unknown result is none that was won or lost
        count(net_pnl)::int as trips,
        count(*) filter (where net_pnl > 0)::int as wins,
        count(*) filter (where net_pnl < 0)::int as losses,
        coalesce(sum(net_pnl) filter (where net_pnl > 0), 0) as won,
        coalesce(sum(net_pnl) filter (where net_pnl < 0), 0) as lost,
        count(holding_time)::int as timed,
        sum(extract(epoch from holding_time) / 3600) as hours_held
        {%- for ending in endings %},
        count(*) filter (where how_ended = '{{ ending }}')::int as {{ ending }}
        {%- endfor %},
        count(*) filter (
            where how_ended not in (
                {%- for ending in endings %}
                '{{ ending }}'{{ "," if not loop.last }}
                {%- endfor %}
            )
        )::int as otherwise
    from {{ ref('round_trips') }}
    where trading_day <= '{{ var("to_day") }}'::date
    group by account_id, trading_day
),

all_in as (
    select
        account_id,
        trading_day,
        count(net_pnl)::int as trades_all_in,
        count(*) filter (where net_pnl > 0)::int as wins_all_in,
        count(*) filter (where net_pnl < 0)::int as losses_all_in,
        sum(net_pnl) as net_all_in
    from {{ ref('all_in_trades') }}
    where trading_day <= '{{ var("to_day") }}'::date
    group by account_id, trading_day
),

-- A round trip that ended in a session without a summary has a row of its own, and counts with the next session.
days as (
    select
        *,
        max(opening_nav) over one_session as opens_with,
        max(previous_day) over one_session as opens_on,
        min(session_number) filter (where {{ in_range('trading_day') }}) over account as first_number,
        -- as many of the lowest returns as the largest window asks for
        (count(*) over account - 1) / 20 + 2 as tail
    from (
        select
            *,
            closing_nav is not null as has_summary,
            1 + count(closing_nav) over (so_far rows between unbounded preceding and 1 preceding) as session_number,
            capital.amount as capital,
            sum(deposits) over so_far as deposited,
            sum(withdrawals) over so_far as withdrawn,
            count(*) filter (where deposits <> 0) over so_far + count(*) filter (where withdrawals <> 0) over so_far
                as flows_so_far,
            coalesce((deposits <> 0)::int + (withdrawals <> 0)::int, 0) as flows_of_day
        from summary
        full join trips using (account_id, trading_day)
        full join all_in using (account_id, trading_day)
        left join {{ source('accounting', 'initial_capital') }} as capital using (account_id)
        window so_far as (partition by account_id order by trading_day)
    ) as numbered
    window account as (partition by account_id), one_session as (partition by account_id, session_number)
),

windows as (
    {%- for name, begins, slides, reach in windows %}
    select
        account_id,
        trading_day,
        '{{ name }}' as metric_window,
        has_summary,
        base_currency,
        sessions_a_year,
        closing_nav,
        capital,
        deposited,
        withdrawn,
        first_value(opens_with) over days_so_far as opens_with,
        first_value(opens_on) over days_so_far as opens_on,
        count(daily_return) over days_so_far as observations,
        alm_reporting.product(1 + daily_return) over days_so_far - 1 as total_return,
        case
            when count(broker_return) over days_so_far > 0
                then alm_reporting.product(1 + broker_return) over days_so_far - 1
        end as broker_return,
        avg(daily_return) over days_so_far as mean,
        stddev_samp(daily_return) over days_so_far as deviation,
        -- least() passes over null
        sqrt(
            avg(power(least(daily_return, 0), 2)) filter (where daily_return is not null) over days_so_far
        ) as downside,
        alm_reporting.drawdown(daily_return) over days_so_far as drawdown,
        alm_reporting.lowest(daily_return, tail) over days_so_far as lowest,
        flows_so_far,
        first_value(flows_so_far - flows_of_day) over days_so_far as flows_before,
        {%- for total in [
            "trips", "wins", "losses", "won", "lost", "timed", "hours_held", "otherwise",
            "trades_all_in", "wins_all_in", "losses_all_in", "net_all_in",
        ] + endings %}
        coalesce(sum({{ total }}) over days_so_far, 0) as {{ total }}{{ "," if not loop.last }}
        {%- endfor %}
    from days
    where {{ reach }}
    window days_so_far as (partition by account_id{{ begins }} {{ slides }})
    {{ "union all" if not loop.last }}
    {%- endfor %}
),

-- What the window opens with is the first that was paid in; where that is nothing, its first deposit.
money as materialized (
    select
        windows.*,
        trading_day - paid.days[1] as days_invested,
        alm_reporting.money_weighted_growth(
            paid.amounts, paid.days, closing_nav::double precision, trading_day
        ) as growth,
        trading_day - paid.own_days[1] as days_by_date,
        case
            when trading_day - paid.own_days[1] >= 365
                then alm_reporting.money_weighted_growth(
                    paid.amounts, paid.own_days, closing_nav::double precision, trading_day
                )
        end as growth_by_date
    from windows
    left join flows using (account_id)
    cross join lateral (
        select
            case when opens_with <> 0 then array[opens_with::double precision] end
            || flows.amounts[flows_before + 1:flows_so_far] as amounts,
            case when opens_with <> 0 then array[opens_on] end
            || flows.days[flows_before + 1:flows_so_far] as days,
            case when opens_with <> 0 then array[opens_on] end
            || flows.own_days[flows_before + 1:flows_so_far] as own_days
    ) as paid
    where has_summary and {{ in_range('trading_day') }}
)

select
    money.account_id,
    money.trading_day,
    money.metric_window,
    money.base_currency,
    money.observations,
    case when money.observations > 0 then money.total_return end as total_return,
    money.broker_return,
    risk.deviation * sqrt(money.sessions_a_year) as volatility,
    money.mean / risk.deviation * sqrt(money.sessions_a_year) as sharpe,
    money.mean * money.sessions_a_year / (risk.downside * sqrt(money.sessions_a_year)) as sortino,
    risk.drawdown as max_drawdown,
    -- annualised figures are not shown for less than a year (GIPS)
    case
        when money.days_invested >= 365 and risk.drawdown < 0 and money.total_return >= -1
            then
                (power(1 + money.total_return, money.sessions_a_year * 1.0 / money.observations) - 1)
                / abs(risk.drawdown)
    end as calmar,
    risk.var_95,
    risk.cvar_95,
    money.growth - 1 as money_weighted_return,
    case when money.days_invested >= 365 then power(money.growth, 365.0 / money.days_invested) - 1 end as xirr,
    power(money.growth_by_date, 365.0 / nullif(money.days_by_date, 0)) - 1 as xirr_by_date,
    money.wins,
    money.losses,
    money.trips - money.wins - money.losses as break_evens,
    (money.wins * 100.0 / nullif(money.wins + money.losses, 0))::double precision as win_rate,
    money.won / nullif(money.wins, 0) as average_win,
    money.lost / nullif(money.losses, 0) as average_loss,
    (money.won / nullif(-money.lost, 0))::double precision as profit_factor,
    (money.won + money.lost) / nullif(money.trips, 0) as expectancy,
    (money.hours_held / nullif(money.timed, 0))::double precision as average_holding_hours,
    {%- for ending in endings + ["otherwise"] %}
    money.{{ ending }} as ended_{{ ending }},
    {%- endfor %}
    money.trades_all_in,
    (money.wins_all_in * 100.0 / nullif(money.wins_all_in + money.losses_all_in, 0))::double precision
        as win_rate_all_in,
    money.net_all_in / nullif(money.trades_all_in, 0) as expectancy_all_in,
    fund.paid_in,
    (money.withdrawn / nullif(fund.paid_in, 0))::double precision as dpi,
    (money.closing_nav / nullif(fund.paid_in, 0))::double precision as rvpi,
    ((money.withdrawn + money.closing_nav) / nullif(fund.paid_in, 0))::double precision as tvpi
from money
left join lateral (
    select
        case when money.deviation > 1e-15 then money.deviation end as deviation,
        case when money.downside > 1e-15 then money.downside end as downside,
        money.drawdown,
        below + (coalesce(above, below) - below) * ((money.observations - 1) % 20 / 20.0) as var_95,
        (select avg(low) from unnest(money.lowest[:place]) as low) as cvar_95
    from (
        select
            (money.observations - 1) / 20 + 1 as place,
            money.lowest[(money.observations - 1) / 20 + 1] as below,
            money.lowest[(money.observations - 1) / 20 + 2] as above
    ) as percentile
) as risk on money.observations >= 2
left join lateral (
    select coalesce(money.capital, money.opens_with) + money.deposited as paid_in
) as fund on money.metric_window = 'all'
