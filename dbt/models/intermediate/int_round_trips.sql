-- A position's way from zero back to zero, in the session in which it is back; open positions are not here. A trip ends
-- as its last lot ends. A position that was transferred out has no result here and is no round trip. The money of each
-- leg goes into base currency at the rate of its own fill. A split or a merger continues the trip: it is that of the
-- contract in which it ends, and its quantity is what was opened.
with

ended as (
    select distinct account_id, round_trip_id
    from {{ ref('stg_lots') }}
    where {{ in_range('closed_day') }}
)

select
    account_id,
    round_trip_id,
    max(closed_day) as trading_day,
    {%- for column in ("contract_id", "symbol", "description", "asset_category", "direction") %}
    (array_agg({{ column }} order by closed_at desc, close_fill_id desc))[1] as {{ column }},
    {%- endfor %}
    sum(quantity) filter (where how_opened not in ('split', 'merger', 'symbol_change', 'corporate_action')) as quantity,
    min(opened_day) as opened_day,
    min(opened_at) as opened_at,
    max(closed_at) as closed_at,
    max(closed_at) - min(opened_at) as holding_time,
    (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] as how_ended,
    min(currency) as currency,
    sum(gross_pnl) as gross_pnl,
    sum(open_fee + close_fee) as fees,
    sum(gross_pnl * close_fx_rate) as gross_pnl_in_base,
    sum(open_fee * open_fx_rate + close_fee * close_fx_rate) as fees_in_base,
    sum(gross_pnl * close_fx_rate + open_fee * open_fx_rate + close_fee * close_fx_rate) as net_pnl
from ended
inner join {{ ref('stg_lots') }} using (account_id, round_trip_id)
group by account_id, round_trip_id
having bool_and(closed_day is not null) and {{ in_range('max(closed_day)') }}
    and (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] <> 'transferred'
