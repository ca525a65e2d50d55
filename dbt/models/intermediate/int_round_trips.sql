-- A position's way from zero back to zero, net of fees, in base currency; open ones are not here.
select
    account_id,
    round_trip_id,
    max(closed_day) as closed_day,
    sum(gross_pnl * close_fx_rate + open_fee * open_fx_rate + close_fee * close_fx_rate) as net_pnl
from {{ ref('stg_lots') }}
group by account_id, round_trip_id
having bool_and(closed_day is not null) and max(closed_day) <= '{{ var("to_day") }}'::date
