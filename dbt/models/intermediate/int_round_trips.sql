-- A position's way from zero back to zero, in the session in which it is back; open positions are not here. A trip ends
-- as its last lot ends. A position that was transferred out has no result here and is no round trip. The money of each
-- leg goes into base currency at the rate of its own fill. A split or a merger continues the trip: it is that of the
-- contract in which it ends, and its quantity is what was opened. A trip that was opened before the first statement may
-- have no known cost, and then no known result.
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
    case when bool_and(opened_before is null) then max(closed_at) - min(opened_at) end as holding_time,
    (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] as how_ended,
    min(currency) as currency,
    case when bool_and(gross_pnl is not null) then sum(gross_pnl) end as gross_pnl,
    sum(open_fee + close_fee) as fees,
    case when bool_and(gross_pnl is not null) then sum(gross_pnl * close_fx_rate) end as gross_pnl_in_base,
    sum(coalesce(open_fee * open_fx_rate, 0) + close_fee * close_fx_rate) as fees_in_base,
    case
        when bool_and(gross_pnl is not null)
            then sum(
                gross_pnl * close_fx_rate + coalesce(open_fee * open_fx_rate, 0) + close_fee * close_fx_rate
            )
    end as net_pnl,
    min(opened_before) as opened_before
from ended
inner join {{ ref('stg_lots') }} using (account_id, round_trip_id)
group by account_id, round_trip_id
having bool_and(closed_day is not null) and {{ in_range('max(closed_day)') }}
    and (array_agg(how_ended order by closed_at desc, close_fill_id desc))[1] <> 'transferred'
