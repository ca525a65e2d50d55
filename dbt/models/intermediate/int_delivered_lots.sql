-- Lots of shares that the assignment or the exercise of an option brought or took, each with the option's round trip. A
-- lot that goes on after a split or a merger is still the option's. An option that no statement opened has no trip.
with

ends as (
    select distinct account_id, close_fill_id as option_fill_id, round_trip_id
    from {{ ref('stg_lots') }}
    where how_ended in ('assigned', 'exercised')
),

deliveries as (
    select fills.account_id, fills.fill_id, ends.round_trip_id
    from {{ ref('stg_fills') }} as fills
    inner join ends on ends.account_id = fills.account_id and ends.option_fill_id = fills.linked_fill_id
    where fills.event_type = 'delivery'
)

select
    lots.account_id,
    lots.lot_id,
    brought.round_trip_id as brought_by,
    taken.round_trip_id as taken_by
from {{ ref('stg_lots') }} as lots
left join deliveries as brought
    on brought.account_id = lots.account_id
    and brought.fill_id
    = case when lots.how_opened in ('assignment', 'exercise') then lots.open_fill_id else lots.origin_fill_id end
left join deliveries as taken
    on taken.account_id = lots.account_id and taken.fill_id = lots.close_fill_id
where (lots.how_opened <> 'trade' or lots.how_ended = 'delivered')
    and not lots.is_option
    and (brought.round_trip_id is not null or taken.round_trip_id is not null)
