-- What the broker held of each contract at the closes around a session: carried in from the close before (and not
-- ended by a booking overnight), and held at its close. By official day, since the official NAV marks by it.
with

lot_days as (
    select
        lots.*,
        opening.official_day as opened_official,
        closing.official_day as closed_official,
        lots.is_option and closing.event_type in ('expiration', 'assignment', 'exercise')
        and closing.trading_day <= closing.official_day as ended_overnight
    from {{ ref('stg_lots') }} as lots
    inner join {{ ref('stg_fills') }} as opening
        on opening.account_id = lots.account_id and opening.fill_id = lots.open_fill_id
    left join {{ ref('stg_fills') }} as closing
        on closing.account_id = lots.account_id and closing.fill_id = lots.close_fill_id
    -- one session around the range: after-hours fills are official a day before they are told
    where lots.opened_day <= '{{ var("to_day") }}'::date + 10
        and (lots.closed_day is null or lots.closed_day >= '{{ var("from_day") }}'::date)
)

select
    lot_days.account_id,
    sessions.trading_day,
    sessions.previous_day,
    lot_days.contract_id,
    lot_days.currency,
    max(lot_days.multiplier) as multiplier,
    coalesce(sum(lot_days.sign * lot_days.quantity) filter (
        where lot_days.opened_official < sessions.trading_day
            and (
                lot_days.closed_official is null
                or lot_days.closed_official > sessions.trading_day
                or (lot_days.closed_official = sessions.trading_day and not lot_days.ended_overnight)
            )
    ), 0) as quantity_carried,
    coalesce(sum(lot_days.sign * lot_days.quantity) filter (
        where lot_days.opened_official <= sessions.trading_day
            and (lot_days.closed_official is null or lot_days.closed_official > sessions.trading_day)
    ), 0) as quantity_at_close
from lot_days
inner join {{ ref('stg_sessions') }} as sessions
    on sessions.trading_day >= lot_days.opened_official
    and (lot_days.closed_official is null or sessions.trading_day <= lot_days.closed_official)
where {{ in_range('sessions.trading_day') }}
    and sessions.trading_day <= (select max(trading_day) from {{ ref('official_days') }})
group by 1, 2, 3, 4, 5
