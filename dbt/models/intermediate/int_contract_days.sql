-- Per contract and day: the broker's mark-to-market, what the story counted, and the parts of the difference by name.
-- Amounts in the contract's currency.
with

-- A conversion of currencies holds no contract; what it gains is part of the FX translation.
fills as (
    select *
    from {{ ref('stg_fills') }}
    where event_type <> 'fx_conversion' and {{ in_range('official_day') }}
),

-- What moves a contract and what marks it, in one sum: joined to its marks, the planner expects one row and compares
-- each with each, which takes the square of the number of accounts.
contracts as (
    select
        account_id,
        trading_day,
        contract_id,
        currency,
        max(multiplier) as multiplier,
        sum(quantity_held) as quantity_held,
        sum(quantity_carried) as quantity_carried,
        sum(quantity_at_close) as quantity_at_close,
        -- what no row brought was held before the first statement, which does not report how much it was
        sum(quantity_carried + quantity_traded) <> sum(quantity_at_close) as carried_is_unknown,
        max(opening_mark) as opening_mark,
        max(closing_mark) as closing_mark
    from (
        select
            account_id, trading_day, contract_id, currency, multiplier, quantity_carried as quantity_held,
            quantity_carried, quantity_at_close, 0 as quantity_traded, null::numeric as opening_mark,
            null::numeric as closing_mark, true as is_move
        from {{ ref('int_holdings') }}

        union all

        select
            account_id, official_day, contract_id, currency, multiplier, 0,
            case when releases_mark then quantity else 0 end,
            0,
            case when releases_mark then 0 else quantity end,
            null, null, true
        from fills

        union all

        select account_id, official_day, contract_id, currency, null, 0, 0, 0, 0, null, mark_price, false
        from {{ ref('int_marks') }} where {{ in_range('official_day') }}

        union all

        select
            marks.account_id, sessions.trading_day, marks.contract_id, marks.currency, null, 0, 0, 0, 0,
            marks.mark_price, null, false
        from {{ ref('int_marks') }} as marks
        inner join {{ ref('stg_sessions') }} as sessions
            on sessions.account_id = marks.account_id and sessions.previous_day = marks.official_day
        where {{ in_range('sessions.trading_day') }}
    ) as moves
    group by 1, 2, 3, 4
    having bool_or(is_move)
),

priced as (
    select
        contracts.account_id,
        contracts.trading_day,
        contracts.contract_id,
        contracts.currency,
        contracts.multiplier,
        contracts.quantity_held,
        contracts.quantity_carried,
        contracts.quantity_at_close,
        contracts.carried_is_unknown,
        contracts.quantity_carried <> 0
        or contracts.quantity_at_close <> 0
        or contracts.carried_is_unknown as is_held,
        contracts.opening_mark,
        case
            when contracts.quantity_at_close <> 0 then contracts.closing_mark
            -- what is gone by the close needs no closing price: every price gives the same sum
            else coalesce(contracts.closing_mark, contracts.opening_mark, 0)
        end as closing_mark
    from contracts
    inner join {{ ref('stg_sessions') }} as sessions
        on sessions.account_id = contracts.account_id and sessions.trading_day = contracts.trading_day
),

valued as (
    select
        fills.*,
        case
            when fills.releases_mark
                then coalesce(
                    fills.broker_mtm, coalesce(fills.close_price, priced.opening_mark) * units + fills.proceeds
                )
            when fills.report_date = fills.official_day
                then coalesce(
                    fills.broker_mtm, coalesce(fills.close_price, priced.closing_mark) * units + fills.proceeds
                )
            -- a holiday's statement values by the session before it, and what came by it is held until this close
            else coalesce(priced.closing_mark * units + fills.proceeds, fills.broker_mtm)
        end as mtm
    from fills
    inner join priced
        on priced.account_id = fills.account_id
        and priced.trading_day = fills.official_day
        and priced.contract_id = fills.contract_id
        and priced.currency = fills.currency
    cross join lateral (select fills.quantity * fills.multiplier as units) as size
),

official as (
    select
        account_id,
        official_day as trading_day,
        contract_id,
        currency,
        sum(mtm) as mtm,
        -- fills after the close are official today and part of tomorrow's story
        sum(mtm) filter (where event_type = 'trade' and trading_day <> official_day) as mtm_counted_elsewhere,
        sum(mtm) filter (where releases_mark and event_type <> 'expiration') as assigned_option_mark,
        sum(mtm) filter (where releases_mark and event_type = 'expiration') as expired_option_mark,
        sum(gross_realised) filter (where event_type = 'delivery') as realised_by_deliveries,
        bool_or(trading_day <> official_day) as is_counted_elsewhere,
        -- comes with a cost, or at a value, that no trade of the day has paid
        bool_or(is_action or is_transfer) as is_booked,
        bool_or(mtm is null) as mtm_is_missing
    from valued
    group by 1, 2, 3, 4
),

-- What the day's trades realised of lots that the close before had marked already: the story counts all of it, the
-- official NAV what is beyond that mark.
released as (
    select
        fills.account_id,
        fills.official_day as trading_day,
        fills.contract_id,
        fills.currency,
        sum(lots.sign * lots.quantity) as quantity,
        sum(lots.sign * lots.quantity * lots.open_price) as cost
    from fills
    inner join {{ ref('stg_lots') }} as lots
        on lots.account_id = fills.account_id and lots.close_fill_id = fills.fill_id
    left join {{ ref('stg_fills') }} as opening
        on opening.account_id = lots.account_id and opening.fill_id = lots.open_fill_id
    where fills.event_type = 'trade'
        and fills.trading_day = fills.official_day
        and coalesce(opening.official_day, lots.opened_day) < fills.official_day
    group by 1, 2, 3, 4
),

story as (
    select
        events.account_id,
        events.trading_day,
        events.contract_id,
        events.currency,
        sum(counted.amount) as counted,
        sum(counted.amount_in_base) as counted_in_base,
        sum(counted.amount) filter (where fills.official_day <> events.trading_day) as counted_of_other_days
    from {{ ref('chronological_events') }} as events
    inner join {{ ref('stg_fills') }} as fills
        on fills.account_id = events.account_id and fills.fill_id = events.fill_id
    cross join lateral (
        select
            events.premium + events.premium_reversal
            + case when events.event_type = 'trade' then events.gross_realised else 0 end as amount,
            case
                when fills.is_transfer then 0 else events.nav_impact - events.commission * events.fx_rate_to_base
            end as amount_in_base
    ) as counted
    where {{ in_range('events.trading_day') }}
    group by 1, 2, 3, 4
),

-- One row each of a contract's day, in one sum for the same reason.
sides as (
    select
        account_id, trading_day, contract_id, currency,
        multiplier, quantity_held, quantity_carried, carried_is_unknown, is_held, opening_mark, closing_mark,
        null::numeric as mtm, null::numeric as mtm_counted_elsewhere, null::numeric as assigned_option_mark,
        null::numeric as expired_option_mark, null::numeric as realised_by_deliveries,
        null::boolean as is_counted_elsewhere, null::boolean as is_booked, null::boolean as mtm_is_missing,
        null::numeric as released_quantity, null::numeric as released_cost,
        null::numeric as counted, null::numeric as counted_in_base, null::numeric as counted_of_other_days,
        true as is_there
    from priced

    union all

    select
        account_id, trading_day, contract_id, currency,
        null, null, null, null, null, null, null,
        mtm, mtm_counted_elsewhere, assigned_option_mark, expired_option_mark, realised_by_deliveries,
        is_counted_elsewhere, is_booked, mtm_is_missing,
        null, null, null, null, null, false
    from official

    union all

    select
        account_id, trading_day, contract_id, currency,
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        quantity, cost, null, null, null, false
    from released

    union all

    select
        account_id, trading_day, contract_id, currency,
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        counted, counted_in_base, counted_of_other_days, true
    from story
),

joined as (
    select
        account_id,
        trading_day,
        contract_id,
        currency,
        max(multiplier) as multiplier,
        max(quantity_held) as quantity_held,
        max(quantity_carried) as quantity_carried,
        bool_or(carried_is_unknown) as carried_is_unknown,
        bool_or(is_held) as is_held,
        max(opening_mark) as opening_mark,
        max(closing_mark) as closing_mark,
        max(mtm) as mtm,
        max(mtm_counted_elsewhere) as mtm_counted_elsewhere,
        max(assigned_option_mark) as assigned_option_mark,
        max(expired_option_mark) as expired_option_mark,
        max(realised_by_deliveries) as realised_by_deliveries,
        bool_or(is_counted_elsewhere) as is_counted_elsewhere,
        bool_or(is_booked) as is_booked,
        bool_or(mtm_is_missing) as mtm_is_missing,
        max(released_quantity) as released_quantity,
        max(released_cost) as released_cost,
        max(counted) as counted,
        max(counted_in_base) as counted_in_base,
        max(counted_of_other_days) as counted_of_other_days
    from sides
    group by 1, 2, 3, 4
    having bool_or(is_there)
),

contract_days as (
    select
        account_id,
        trading_day,
        contract_id,
        currency,
        coalesce(mtm, 0) as mtm_of_fills,
        coalesce(
            case when quantity_carried <> 0 then quantity_carried * multiplier * (closing_mark - opening_mark) end, 0
        ) as mtm_carried,
        -- without a multiplier a mark gives no value
        coalesce(quantity_carried, 0) <> 0
        and multiplier * (closing_mark - opening_mark) is null
        or coalesce(carried_is_unknown or mtm_is_missing, false) as mark_is_missing,
        coalesce(assigned_option_mark, 0) as assigned_option_mark,
        coalesce(expired_option_mark, 0) as expired_option_mark,
        coalesce(counted, 0) as counted,
        coalesce(counted_in_base, 0) as counted_in_base,
        coalesce(mtm_counted_elsewhere, 0) - coalesce(counted_of_other_days, 0) as after_hours,
        coalesce(realised_by_deliveries, 0) as realised_by_deliveries,
        coalesce(multiplier * (released_cost - released_quantity * opening_mark), 0) as released,
        coalesce(is_held or is_counted_elsewhere or is_booked, false) as is_marked,
        case
            when coalesce(quantity_held, 0) <> 0 then quantity_held * multiplier * opening_mark
            else 0
        end as opening_value
    from joined
)

select
    account_id,
    trading_day,
    contract_id,
    currency,
    counted,
    counted_in_base,
    mtm_of_fills + mtm_carried as mtm,
    mark_is_missing,
    opening_value,
    after_hours,
    assigned_option_mark,
    expired_option_mark,
    case when is_marked then released else 0 end as released,
    case
        when is_marked
            then mtm_of_fills + mtm_carried - counted - after_hours - assigned_option_mark - expired_option_mark
        -- closed within the day: the broker and the story must agree, and what they do not agree on is unexplained. But
        -- shares that one option brings and another takes are realised by a booking, which moves nothing in the story
        else realised_by_deliveries
    end as mark_to_market
from contract_days
