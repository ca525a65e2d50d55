{{ config(indexes=[{'columns': ['account_id', 'trading_day', 'block_id'], 'unique': true}]) }}

select
    account_id,
    trading_day,
    block_id,
    min(block_kind) as block_kind,
    min(phase) as phase,
    min(event_timestamp) as started_at,
    max(event_timestamp) as ended_at,
    bool_or(block_closes) as closes,
    count(*) as events,
    -- amounts in the fills' currency where there is one, the rate where there is one
    case when count(distinct currency) = 1 then min(currency) end as currency,
    case when count(distinct fx_rate_to_base) = 1 then min(fx_rate_to_base) end as fx_rate_to_base,
    case when count(distinct currency) = 1 then sum(case when event_type = 'trade' then gross_realised else 0 end) end
        as gross_pnl,
    case when count(distinct currency) = 1 then sum(premium) end as premium,
    case when count(distinct currency) = 1 then sum(premium_reversal) end as premium_reversal,
    case when count(distinct currency) = 1 then sum(commission) end as commissions,
    sum(nav_impact) as nav_impact,
    (array_agg(nav_after_event order by event_number desc))[1] as nav_after
from {{ ref('chronological_events') }}
where {{ in_range('trading_day') }}
group by account_id, trading_day, block_id
