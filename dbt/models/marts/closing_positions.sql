{{ config(indexes=[
    {'columns': ['account_id', 'trading_day', 'contract_id'], 'unique': true},
    {'columns': ['trading_day']},
]) }}

-- What is open at each session's official close, the options that were traded in the session, and the shares that a row
-- of its statement prices: with the mark, the underlying's close and the day's rate, where the statements give them.
with

official as (
    select account_id, trading_day, base_currency from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

fills as (
    select * from {{ ref('stg_fills') }}
    where asset_category <> 'CASH' and ({{ in_range('trading_day') }} or {{ in_range('official_day') }})
),

positions as (
    select account_id, trading_day, contract_id, max(currency) as currency, max(multiplier) as multiplier,
        sum(quantity) as quantity, bool_or(is_traded) as is_traded, bool_or(is_priced) as is_priced
    from (
        select account_id, trading_day, contract_id, currency, multiplier, quantity_at_close as quantity,
            false as is_traded, false as is_priced
        from {{ ref('int_holdings') }}

        union all

        select account_id, trading_day, contract_id, currency, multiplier, 0, true, false
        from fills where event_type = 'trade' and {{ in_range('trading_day') }}

        union all

        select account_id, official_day, contract_id, currency, multiplier, 0, false, not is_option
        from fills where {{ in_range('official_day') }}
    ) as touched
    group by 1, 2, 3
),

-- The contracts' terms, as their rows give them: a position from before the first statement has no fill.
terms as (
    select account_id, contract_id, max(symbol) as symbol,
        coalesce(max(asset_category), case when max(strike) is null then 'STK' else 'OPT' end) as asset_category,
        max(underlying_symbol) as underlying_symbol, max(strike) as strike, max(expiry) as expiry,
        max(put_call) as put_call
    from (
        select account_id, contract_id, symbol, asset_category, underlying_symbol, strike, expiry, put_call from fills

        union all

        select account_id, contract_id, symbol, asset_category, underlying_symbol, strike, expiry, put_call
        from {{ ref('stg_lots') }}
        where opened_day <= '{{ var("to_day") }}'::date
            and (closed_day is null or closed_day >= '{{ var("from_day") }}'::date)

        union all

        select account_id, contract_id, symbol, asset_category, underlying_symbol, strike, expiry, put_call
        from {{ ref('stg_flex__open_positions') }} where {{ in_range('statement_day') }}
    ) as given
    group by 1, 2
),

underlyings as (
    select account_id, official_day, symbol, currency, max(mark_price) as mark_price
    from {{ ref('int_marks') }} where is_underlying and {{ in_range('official_day') }}
    group by 1, 2, 3, 4
),

described as (
    select
        positions.account_id,
        positions.trading_day,
        positions.contract_id,
        terms.symbol,
        terms.asset_category,
        {{ is_option('terms.asset_category') }} as is_option,
        terms.underlying_symbol,
        terms.strike,
        terms.expiry,
        terms.put_call,
        positions.multiplier,
        positions.currency,
        positions.quantity,
        positions.is_traded,
        official.base_currency,
        sessions.previous_day
    from positions
    inner join official using (account_id, trading_day)
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    inner join terms using (account_id, contract_id)
    where terms.asset_category <> 'CASH' and (positions.quantity <> 0 or positions.is_traded or positions.is_priced)
)

select
    positions.account_id,
    positions.trading_day,
    positions.contract_id,
    positions.symbol,
    positions.asset_category,
    positions.is_option,
    positions.underlying_symbol,
    positions.strike,
    positions.expiry,
    positions.put_call,
    coalesce(positions.multiplier, 1) as multiplier,
    positions.currency,
    positions.quantity,
    positions.is_traded,
    -- without a multiplier a mark gives no value
    case when positions.multiplier is not null then marks.mark_price end as mark_price,
    case
        when positions.multiplier is null then null
        when marks.from_open_positions then 'open_positions'
        when marks.mark_price is not null then 'closing_price'
    end as mark_source,
    underlyings.mark_price as underlying_price,
    case
        when positions.currency = positions.base_currency then 1
        else {{ rate_known('positions.account_id', 'positions.currency', 'positions.trading_day') }}
    end as rate_to_base,
    -- a split concerns every listing, whichever of them the statement names
    case
        when not positions.is_option then not exists (
            select from {{ ref('stg_flex__corporate_actions') }} as actions
            where actions.account_id = positions.account_id
                and actions.symbol = positions.symbol
                and actions.report_date between positions.previous_day and positions.trading_day
        )
    end as is_comparable
from described as positions
-- Full joins, of which only the positions are kept: of left joins the planner expects one row and compares each with
-- each, which takes the square of the number of accounts.
full join {{ ref('int_marks') }} as marks
    on marks.account_id = positions.account_id
    and marks.contract_id = positions.contract_id
    and marks.currency = positions.currency
    and marks.official_day = positions.trading_day
full join underlyings
    on underlyings.account_id = positions.account_id
    and underlyings.official_day = positions.trading_day
    and underlyings.symbol = case when positions.is_option then positions.underlying_symbol end
    and underlyings.currency = positions.currency
where num_nulls(positions.account_id) = 0
