{{ config(indexes=[{'columns': ['account_id', 'trading_day'], 'unique': true}]) }}

-- The broker's own arithmetic, from calendar days to sessions: a weekday without a session belongs to the next one.
with

before_range as (
    select account_id, max(trading_day) as last_day
    from {{ ref('stg_sessions') }}
    where trading_day >= '{{ var("from_day") }}'::date - 14 and trading_day < '{{ var("from_day") }}'::date
    group by account_id
),

sessions as (
    select sessions.*
    from {{ ref('stg_sessions') }} as sessions
    left join before_range using (account_id)
    -- one session before the range: its closing NAV is the first session's opening NAV
    where trading_day >= coalesce(before_range.last_day, '{{ var("from_day") }}'::date)
        and trading_day >= '{{ var("from_day") }}'::date - 14
        and trading_day <= '{{ var("to_day") }}'::date
),

from_change_in_nav as (
    select
        nav.account_id,
        sessions.trading_day,
        min(nav.base_currency) as base_currency,
        (array_agg(nav.starting_value order by nav.to_date))[1] as starting_value,
        (array_agg(nav.ending_value order by nav.to_date desc))[1] as closing_nav,
        sum(nav.mtm) as mtm,
        sum(nav.fx_translation) as fx_translation,
        sum(nav.commissions) as commissions,
        sum(nav.transaction_tax) as transaction_tax,
        sum(nav.interest_paid) as interest_paid,
        sum(nav.interest_accruals) as interest_accruals,
        sum(nav.dividends_paid) as dividends_paid,
        sum(nav.dividend_accruals) as dividend_accruals,
        sum(nav.withholding_tax) as withholding_tax,
        sum(nav.other_fees) as other_fees,
        sum(nav.flows) as flows,
        sum(nav.transfers) as transfers,
        sum(nav.linked) as linked,
        sum(nav.corporate_actions) as corporate_actions,
        sum(nav.other_pnl) as other_pnl,
        case when count(*) = count(nav.stated_return) then alm_reporting.product(1 + nav.stated_return) - 1 end
            as stated_return
    from {{ ref('stg_flex__change_in_nav') }} as nav
    inner join sessions
        on nav.account_id = sessions.account_id
        and nav.to_date > sessions.previous_day
        and nav.to_date <= sessions.trading_day
        -- a row over a longer period gives no figure of a single day
        and nav.from_date > sessions.previous_day
    where nav.ending_value is not null
    group by nav.account_id, sessions.trading_day
    -- the holiday before a session can arrive before the session does
    having max(nav.to_date) = sessions.trading_day
),

from_equity as (
    select
        equity.account_id,
        sessions.trading_day,
        equity.base_currency,
        before.total as starting_value,
        equity.total as closing_nav,
        coalesce(equity.interest_accruals, 0) - coalesce(before.interest_accruals, 0) as interest_accruals,
        coalesce(equity.dividend_accruals, 0) - coalesce(before.dividend_accruals, 0) as dividend_accruals
    from {{ ref('stg_flex__equity_summary') }} as equity
    inner join sessions
        on equity.account_id = sessions.account_id and equity.report_date = sessions.trading_day
    left join {{ ref('stg_flex__equity_summary') }} as before
        on before.account_id = equity.account_id and before.report_date = sessions.previous_day
    where equity.total is not null
),

-- Of a day that has both, what the change in NAV gives: by the name of the source, it is the first.
days as (
    select distinct on (account_id, trading_day) *
    from (
        select *, 'change_in_nav' as nav_source from from_change_in_nav
        union all
        select
            account_id, trading_day, base_currency, starting_value, closing_nav,
            null, null, null, null, null, interest_accruals, null, dividend_accruals,
            null, null, null, null, null, null, null, null, 'equity_summary'
        from from_equity
    ) as given
    order by account_id, trading_day, nav_source
),

dated as (
    select days.*, sessions.previous_day
    from days
    inner join sessions on days.account_id = sessions.account_id and days.trading_day = sessions.trading_day
),

chained as materialized (
    select
        days.*,
        coalesce(known.base_currency, days.base_currency) as named_currency,
        coalesce(before.closing_nav, days.starting_value) as opening_nav,
        assets.asset_value,
        assets_before.asset_value as opening_asset_value
    from dated as days
    left join {{ source('accounting', 'base_currencies') }} as known on known.account_id = days.account_id
    -- a full join, of which only the days are kept: of a left join the planner expects one row, and compares each with
    -- each, which takes the square of the number of accounts
    full join days as before
        on before.account_id = days.account_id and before.trading_day = days.previous_day
    left join {{ ref('stg_flex__equity_summary') }} as assets
        on assets.account_id = days.account_id and assets.report_date = days.trading_day
    left join {{ ref('stg_flex__equity_summary') }} as assets_before
        on assets_before.account_id = days.account_id and assets_before.report_date = days.previous_day
    where num_nulls(days.account_id) = 0
)

select
    account_id,
    trading_day,
    named_currency as base_currency,
    nav_source,
    starting_value,
    opening_nav,
    closing_nav,
    mtm,
    fx_translation,
    commissions,
    transaction_tax,
    interest_paid,
    interest_accruals,
    dividends_paid,
    dividend_accruals,
    withholding_tax,
    other_fees,
    flows,
    transfers,
    linked,
    corporate_actions,
    other_pnl,
    asset_value,
    opening_asset_value,
    stated_return,
    case
        when nav_source = 'change_in_nav'
            then
                closing_nav - opening_nav - mtm - commissions - transaction_tax - interest_paid - interest_accruals
                - dividends_paid - dividend_accruals - withholding_tax - other_fees - coalesce(flows, 0) - other_pnl
        else 0
    end as broker_residual
from chained
where
    opening_nav is not null and {{ in_range('trading_day') }}
    -- whose fills could not be rebuilt would be built from the old ones
    and account_id not in (
        select account_id from {{ source('accounting', 'untold_changes') }} where refused is not null
    )
