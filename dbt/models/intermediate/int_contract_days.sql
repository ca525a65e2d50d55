-- Per contract and day: what the broker's mark-to-market says, what the story told, and the name of what lies between.
-- Amounts in the contract's currency.
with

official as (
    select
        account_id,
        official_day as trading_day,
        contract_id,
        currency,
        sum(mtm) as mtm,
        -- fills after the close are official today and told tomorrow
        coalesce(sum(mtm) filter (where event_type = 'trade' and trading_day <> official_day), 0) as mtm_told_later,
        bool_or(is_option and event_type in ('assignment', 'exercise')) as was_assigned,
        bool_or(event_type = 'expiration' and trading_day <= official_day) as expired_overnight,
        bool_or(event_type = 'expiration' and trading_day > official_day) as expired_at_close
    from {{ ref('stg_fills') }}
    where {{ in_range('official_day') }}
    group by 1, 2, 3, 4
),

story as (
    select
        events.account_id,
        events.trading_day,
        events.contract_id,
        events.currency,
        sum(told.amount) as told,
        sum(told.amount_in_base) as told_in_base,
        coalesce(sum(told.amount) filter (where fills.official_day <> events.trading_day), 0) as told_of_other_days
    from {{ ref('chronological_events') }} as events
    inner join {{ ref('stg_fills') }} as fills
        on fills.account_id = events.account_id and fills.fill_id = events.fill_id
    cross join lateral (
        select
            events.premium + events.premium_reversal
            + case when events.event_type = 'trade' then events.gross_realised else 0 end as amount,
            events.nav_impact - events.commission * events.fx_rate_to_base as amount_in_base
    ) as told
    where {{ in_range('events.trading_day') }}
    group by 1, 2, 3, 4
),

held as (
    select
        holdings.*,
        case
            when holdings.quantity_carried = 0 then 0
            else
                holdings.quantity_carried * holdings.multiplier * (closing.mark_price - opening.mark_price)
        end as mtm_carried
    from {{ ref('int_holdings') }} as holdings
    left join {{ ref('int_marks') }} as closing
        on closing.account_id = holdings.account_id
        and closing.contract_id = holdings.contract_id
        and closing.official_day = holdings.trading_day
    left join {{ ref('int_marks') }} as opening
        on opening.account_id = holdings.account_id
        and opening.contract_id = holdings.contract_id
        and opening.official_day = holdings.previous_day
    where holdings.quantity_carried <> 0 or holdings.quantity_at_close <> 0
),

contract_days as (
    select
        account_id,
        trading_day,
        contract_id,
        currency,
        coalesce(official.mtm, 0) as mtm,
        coalesce(official.mtm_told_later, 0) as mtm_told_later,
        coalesce(official.was_assigned, false) as was_assigned,
        coalesce(official.expired_overnight, false) as expired_overnight,
        coalesce(official.expired_at_close, false) as expired_at_close,
        coalesce(story.told, 0) as told,
        coalesce(story.told_in_base, 0) as told_in_base,
        coalesce(story.told_of_other_days, 0) as told_of_other_days,
        held.contract_id is not null as is_held,
        held.mtm_carried,
        coalesce(held.quantity_carried, 0) <> 0 and held.mtm_carried is null as mark_is_missing
    from official
    full join story using (account_id, trading_day, contract_id, currency)
    full join held using (account_id, trading_day, contract_id, currency)
)

select
    *,
    mtm_told_later - told_of_other_days as after_hours,
    mtm + coalesce(mtm_carried, 0) - told - (mtm_told_later - told_of_other_days) as remainder,
    case
        when was_assigned then 'assigned_option_mark'
        when expired_overnight then 'expired_option_mark'
        when is_held then 'mark_to_market'
        when expired_at_close then 'expired_option_mark'
        -- closed within the day: the broker and the story must agree
        else 'unexplained'
    end as remainder_name
from contract_days
