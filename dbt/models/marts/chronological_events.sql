{{ config(indexes=[
    {'columns': ['account_id', 'event_timestamp']},
    {'columns': ['account_id', 'trading_day', 'event_number'], 'unique': true},
    {'columns': ['event_id']},
]) }}

-- What each event moves. The trades of a block that closes something count realised P&L and commissions, those of a
-- block that only opens count premium and commissions; a booking (expiration, assignment) moves nothing. The platform
-- has the same rules for the day that still runs (`accounting/blocks.py`); a test compares the two.
with

story as (
    select * from {{ ref('int_story_events') }}
),

lots_of_a_day as materialized (
    select account_id, open_fill_id, close_fill_id, sign, quantity, open_price, multiplier, open_fx_rate
    from {{ ref('stg_lots') }}
    where is_option and opened_day = closed_day and {{ in_range('closed_day') }}
),

-- Premium that was counted when a position was opened is part of its realised P&L when it is closed the same day. It is
-- taken back, in base currency at the rate of the opening, so that no cent is counted twice.
counted_before as (
    select
        closing.account_id,
        closing.event_id,
        sum(-lots.sign * lots.quantity * lots.open_price * lots.multiplier) as premium,
        sum(-lots.sign * lots.quantity * lots.open_price * lots.multiplier * lots.open_fx_rate) as premium_in_base
    from story as closing
    inner join lots_of_a_day as lots
        on lots.account_id = closing.account_id and lots.close_fill_id = closing.fill_id
    where closing.event_type = 'trade'
        and closing.closing_quantity > 0
        -- counted as an opening; a join would loop over all openings for each lot
        and (
            (lots.account_id, lots.open_fill_id) in (
                select account_id, fill_id from story where event_type = 'trade' and not block_closes
            )
        ) is true
    group by closing.account_id, closing.event_id
),

counted as materialized (
    select
        story.*,
        case
            when story.event_type = 'trade' and story.is_option and not story.block_closes then story.proceeds
            else 0
        end as premium,
        case when story.event_type = 'trade' then story.gross_realised else 0 end as realised_counted,
        -coalesce(counted_before.premium, 0) as premium_reversal,
        -coalesce(counted_before.premium_in_base, 0) as premium_reversal_in_base
    from story
    -- a full join, of which only the story is kept: of a left join the planner expects one row, and compares each with
    -- each, which takes the square of the number of accounts
    full join counted_before
        on counted_before.account_id = story.account_id and counted_before.event_id = story.event_id
    where num_nulls(story.account_id) = 0
),

moved as (
    select
        *,
        coalesce(amount, premium + realised_counted + commission) * fx_rate_to_base
        + premium_reversal_in_base as nav_impact
    from counted
)

select
    moved.event_id,
    moved.account_id,
    moved.trading_day,
    moved.event_number,
    moved.event_timestamp,
    moved.time_assumed,
    moved.phase,
    moved.event_type,
    moved.kind as block_kind,
    moved.block_id,
    moved.block_closes,
    moved.contract_id,
    moved.symbol,
    moved.description,
    moved.asset_category,
    moved.underlying_symbol,
    moved.multiplier,
    moved.strike,
    moved.expiry,
    moved.put_call,
    moved.quantity,
    moved.price,
    moved.currency,
    moved.fx_rate_to_base,
    moved.fx_source,
    moved.opening_quantity,
    moved.closing_quantity,
    moved.premium,
    moved.premium_reversal,
    moved.gross_realised,
    moved.unknown_quantity,
    moved.commission,
    moved.amount,
    case
        when moved.kind = 'transfer' and moved.fill_id is not null then 0
        else coalesce(moved.amount, moved.proceeds + moved.commission)
    end as cash_impact,
    moved.nav_impact,
    official.opening_nav + sum(moved.nav_impact) over (
        partition by moved.account_id, moved.trading_day order by moved.event_number
    ) as nav_after_event,
    moved.order_type,
    moved.label_source,
    moved.fill_id,
    moved.linked_fill_id,
    moved.source_transaction_id
from moved
inner join {{ ref('official_days') }} as official
    on official.account_id = moved.account_id and official.trading_day = moved.trading_day
