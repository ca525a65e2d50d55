-- Cash movements as events. A movement without a time of its own gets an assumed time: deposits and cash transferred in
-- in the morning of the session, everything else at the close.
with

typed as (
    select
        account_id, cash_id, statement_day, date_time, currency, amount, fx_rate_to_base, cash_type, description,
        source_transaction_id,
        case
            when cash_type ilike 'Deposits%Withdrawals%' and amount >= 0 then 'deposit'
            when cash_type ilike 'Deposits%Withdrawals%' then 'withdrawal'
            when cash_type ilike '%Interest%' then 'interest'
            when cash_type ilike '%Withholding%' then 'tax'
            when cash_type ilike '%Dividend%' then 'dividend'
            when cash_type ilike '%Fee%' or cash_type ilike 'Commission%' then 'fee'
            else 'other_cash'
        end as event_type
    from {{ ref('stg_flex__cash_transactions') }}
    where amount is not null

    union all

    select
        account_id, cash_id, statement_day, date_time, currency, amount, fx_rate_to_base, cash_type, description,
        source_transaction_id,
        case when amount > 0 then 'transfer_in' else 'transfer_out' end
    from {{ ref('stg_flex__cash_transfers') }}
),

timed as (
    select
        typed.*,
        sessions.trading_day,
        sessions.opens_at,
        sessions.zone,
        case
            when (typed.date_time at time zone sessions.zone)::time <> '00:00'
                and typed.date_time > sessions.previous_close and typed.date_time <= sessions.closes_at
                then typed.date_time
        end as delivered_time,
        sessions.closes_at,
        case when typed.event_type in ('deposit', 'transfer_in') then sessions.morning end as morning
    from typed
    inner join {{ ref('stg_sessions') }} as sessions
        on typed.account_id = sessions.account_id
        and typed.statement_day > sessions.previous_day
        and typed.statement_day <= sessions.trading_day
    where {{ in_range('sessions.trading_day') }}
)

select
    timed.account_id,
    timed.trading_day,
    timed.cash_id,
    timed.event_type,
    timed.cash_type,
    timed.description,
    timed.source_transaction_id,
    timed.currency,
    timed.amount,
    coalesce(timed.delivered_time, timed.morning, timed.closes_at) as event_timestamp,
    timed.delivered_time is null as time_assumed,
    case
        when coalesce(timed.delivered_time, timed.morning) is not null
            then
                {{ phase(
                    'coalesce(timed.delivered_time, timed.morning)', 'timed.trading_day', 'timed.opens_at', 'timed.zone'
                ) }}
        else 'at_close'
    end as phase,
    coalesce(
        case when timed.currency = official.base_currency then 1 end, nullif(timed.fx_rate_to_base, 0), day_rate.rate
    ) as fx_rate_to_base,
    case
        when timed.currency = official.base_currency then 'base'
        when timed.fx_rate_to_base <> 0 then 'row'
        else day_rate.source
    end as fx_source
from timed
inner join {{ ref('official_days') }} as official
    on official.account_id = timed.account_id and official.trading_day = timed.trading_day
left join {{ source('accounting', 'day_rates') }} as day_rate
    on day_rate.account_id = timed.account_id
    and day_rate.session = timed.trading_day
    and day_rate.currency = timed.currency
