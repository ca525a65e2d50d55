-- Fills and cash movements of the range in the order of the story, and the block of each. The platform has the same
-- rules for the day that still runs (`accounting/blocks.py`); a test compares the two.
with

happened as (
    select
        fills.account_id,
        fills.trading_day,
        'fill:' || fill_id as event_id,
        fill_id,
        executed_at as event_timestamp,
        -- a transfer that has only a date comes in the morning and goes with the close
        is_transfer and (phase = 'at_close' or executed_at = sessions.morning) as time_assumed,
        phase,
        event_type,
        case event_type
            when 'expiration' then 'expiration'
            when 'assignment' then 'assignment'
            when 'exercise' then 'exercise'
            when 'delivery' then 'assignment'
            else case when is_action then 'corporate_action' when is_transfer then 'transfer' else 'trades' end
        end as block_kind,
        contract_id,
        symbol,
        description,
        asset_category,
        is_option,
        underlying_symbol,
        multiplier,
        strike,
        expiry,
        put_call,
        quantity,
        price,
        currency,
        fx_rate_to_base,
        fx_source,
        opening_quantity,
        closing_quantity,
        proceeds,
        commission,
        gross_realised,
        unknown_quantity,
        -- what a transferred position is worth comes and goes like cash
        case when is_transfer then -proceeds end as amount,
        order_type,
        label_source,
        linked_fill_id,
        source_transaction_id
    from {{ ref('stg_fills') }} as fills
    inner join {{ ref('stg_sessions') }} as sessions
        on sessions.account_id = fills.account_id and sessions.trading_day = fills.trading_day
    where {{ in_range('fills.trading_day') }}

    union all

    select
        account_id,
        trading_day,
        'cash:' || cash_id,
        null,
        event_timestamp,
        time_assumed,
        phase,
        event_type,
        case when event_type in ('transfer_in', 'transfer_out') then 'transfer' else 'cash' end,
        null,
        null,
        description,
        null,
        false,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        currency,
        fx_rate_to_base,
        fx_source,
        0,
        0,
        0,
        0,
        0,
        0,
        amount,
        null,
        cash_type,
        null,
        source_transaction_id
    from {{ ref('int_cash_events') }}
),

-- the stock leg of an exercise belongs to the exercise
labelled as (
    select
        happened.*,
        case
            when happened.event_type = 'delivery' and other_leg.event_type = 'exercise' then 'exercise'
            else happened.block_kind
        end as kind
    from happened
    left join {{ ref('stg_fills') }} as other_leg
        on other_leg.account_id = happened.account_id and other_leg.fill_id = happened.linked_fill_id
),

ordered as (
    select
        *,
        row_number() over (
            partition by account_id, trading_day
            order by
                event_timestamp,
                time_assumed,
                kind,
                -- the platform matches fills in the same order (`Fill.order`)
                case when source_transaction_id ~ '^[0-9]+$' then source_transaction_id::numeric else 0 end,
                event_id collate "C"
        ) as event_number
    from labelled
),

marked as (
    select
        *,
        coalesce(
            kind = lag(kind) over day_order
            and phase = lag(phase) over day_order
            and (kind <> 'cash' or event_type = lag(event_type) over day_order)
            -- a block goes on while the gap to the fill before is at most 5 minutes
            and event_timestamp - lag(event_timestamp) over day_order <= interval '5 minutes',
            false
        ) as goes_on
    from ordered
    window day_order as (partition by account_id, trading_day order by event_number)
),

numbered as (
    select
        *,
        sum((not goes_on)::int) over (
            partition by account_id, trading_day order by event_number
        ) as block_number
    from marked
)

select
    *,
    account_id || ':' || trading_day || ':' || lpad(block_number::text, 4, '0') as block_id,
    coalesce(
        bool_or(event_type = 'trade' and closing_quantity > 0) over (
            partition by account_id, trading_day, block_number
        ),
        false
    ) as block_closes
from numbered
