-- An option, the shares that its assignment or exercise brought or took, and the interest between, as one trade: from
-- the opening of the first option to the end of the last lot. What one option brought and another took joins both.
-- The rest of a position in shares is a trade that ends with the position. As in `int_round_trips`, a trade whose last
-- lot was transferred out has no result here.
with recursive

delivered as materialized (
    select * from {{ ref('int_delivered_lots') }}
),

joined as (
    select account_id, brought_by as trip, taken_by as other from delivered where brought_by <> taken_by

    union

    select account_id, taken_by, brought_by from delivered where brought_by <> taken_by
),

-- Every option's trip of which something ended in the range, with all that shares join to it.
reached (account_id, start, trip) as (
    select account_id, round_trip_id as origin, round_trip_id as reached_trip
    from {{ ref('stg_lots') }}
    where is_option and {{ in_range('closed_day') }}

    union

    select lots.account_id, link.trip, link.trip as reached_trip
    from delivered
    inner join {{ ref('stg_lots') }} as lots using (account_id, lot_id)
    cross join lateral (values (delivered.brought_by), (delivered.taken_by)) as link (trip)
    where link.trip is not null and {{ in_range('lots.closed_day') }}

    union

    select reached.account_id, reached.start, joined.other
    from reached
    inner join joined on joined.account_id = reached.account_id and joined.trip = reached.trip
),

members as (
    select distinct account_id, trip, min(trip) over (partition by account_id, start) as label
    from reached
),

others as (
    select distinct account_id, round_trip_id as label
    from {{ ref('stg_lots') }}
    where not is_option and {{ in_range('closed_day') }}
),

-- `counts` is false of lots that belong to an option's trade: they only say when the rest of their position ends.
dealt as (
    select members.label, lots.*, true as counts, false as is_brought
    from members
    inner join {{ ref('stg_lots') }} as lots
        on lots.account_id = members.account_id and lots.round_trip_id = members.trip and lots.is_option

    union all

    select members.label, lots.*, true, delivered.brought_by is not null
    from delivered
    inner join members
        on members.account_id = delivered.account_id
        and members.trip = coalesce(delivered.brought_by, delivered.taken_by)
    inner join {{ ref('stg_lots') }} as lots
        on lots.account_id = delivered.account_id and lots.lot_id = delivered.lot_id

    union all

    select others.label, lots.*, delivered.lot_id is null, false
    from others
    inner join {{ ref('stg_lots') }} as lots
        on lots.account_id = others.account_id and lots.round_trip_id = others.label and not lots.is_option
    left join delivered on delivered.account_id = lots.account_id and delivered.lot_id = lots.lot_id
),

ended as (
    select
        account_id,
        label,
        max(closed_day) as trading_day,
        {%- for column in [
            "round_trip_id", "contract_id", "symbol", "description", "asset_category", "underlying_symbol", "direction"
        ] %}
        (array_agg({{ column }} order by opened_at asc, is_option desc, open_fill_id asc) filter (where counts))[1]
            as {{ column }},
        {%- endfor %}
        bool_or(is_option) and not bool_and(is_option) as joins_shares,
        min(opened_day) filter (where counts) as opened_day,
        min(opened_at) filter (where counts) as opened_at,
        max(closed_at) as closed_at,
        (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] as how_ended,
        min(opened_before) filter (where counts) as opened_before,
        -- unknown where no statement says what a lot cost
        case
            when bool_and(gross_pnl is not null) filter (where counts)
                then sum(gross_pnl * close_fx_rate) filter (where counts)
        end as gross_pnl_in_base,
        sum(coalesce(open_fee * open_fx_rate, 0) + close_fee * close_fx_rate) filter (where counts) as fees_in_base
    from dealt
    group by account_id, label
    having bool_and(closed_day is not null) and bool_or(counts) and {{ in_range('max(closed_day)') }}
        and (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] <> 'transferred'
),

-- What the broker charged for a day: accrued interest that costs. Without accruals no day's interest is known.
charges as (
    select account_id, trading_day, zone, interest_paid + interest_accruals as charge
    from {{ ref('official_days') }}
    inner join {{ ref('stg_sessions') }} using (account_id, trading_day)
    where interest_accruals <> 0 and interest_paid + interest_accruals < 0
),

-- The nights, by the dates of the account's zone, over which a trade held shares that an option had brought.
nights as materialized (
    select
        dealt.account_id,
        dealt.label,
        charges.trading_day,
        charges.zone,
        charges.charge,
        sum(dealt.quantity * dealt.multiplier * dealt.open_price * dealt.open_fx_rate) as cost
    from dealt
    inner join charges
        on charges.account_id = dealt.account_id
        and charges.trading_day >= {{ local_date('dealt.opened_at', 'charges.zone') }}
        and charges.trading_day < {{ local_date('dealt.closed_at', 'charges.zone') }}
    where dealt.is_brought
    group by 1, 2, 3, 4, 5
),

-- A day's charge is for all shares that were held over its night, by what they had cost.
charged as materialized (
    select nights.account_id, nights.label, sum(round(nights.charge * nights.cost / held.cost, 8)) as interest
    from nights
    cross join lateral (
        select sum(lots.quantity * lots.multiplier * lots.open_price * lots.open_fx_rate) as cost
        from {{ ref('stg_lots') }} as lots
        where lots.account_id = nights.account_id and not lots.is_option
            -- what begins at night or on a day without a session counts in the next session
            and lots.opened_day <= nights.trading_day + 10
            and (lots.closed_day is null or lots.closed_day >= nights.trading_day)
            and {{ local_date('lots.opened_at', 'nights.zone') }} <= nights.trading_day
            and (lots.closed_at is null or {{ local_date('lots.closed_at', 'nights.zone') }} > nights.trading_day)
    ) as held
    where held.cost > 0
    group by 1, 2
)

select
    ended.account_id,
    ended.round_trip_id as trade_id,
    ended.trading_day,
    ended.contract_id,
    ended.symbol,
    ended.description,
    ended.asset_category,
    ended.underlying_symbol,
    ended.direction,
    ended.joins_shares,
    ended.opened_day,
    ended.opened_at,
    ended.closed_at,
    case when ended.opened_before is null then ended.closed_at - ended.opened_at end as holding_time,
    ended.how_ended,
    ended.gross_pnl_in_base,
    ended.fees_in_base,
    coalesce(charged.interest, 0) as interest,
    ended.gross_pnl_in_base + ended.fees_in_base + coalesce(charged.interest, 0) as net_pnl
from ended
-- a full join, of which only `ended` is kept: of a left join the planner expects one row, and compares each with each
full join charged on charged.account_id = ended.account_id and charged.label = ended.label
where num_nulls(ended.account_id) = 0
