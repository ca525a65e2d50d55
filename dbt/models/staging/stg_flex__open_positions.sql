select
    account_id,
    row_date as statement_day,
    coalesce(conid, symbol) as contract_id,
    symbol,
    strike is null as is_underlying,
    currency,
    -- as fills have it: bonds are priced in percent; only the statement gives the size of a future
    trim_scale(
        case
            when max(asset_category) in ('BOND', 'BILL') then coalesce(max(multiplier), 1) / 100
            when max(multiplier) is null and max(asset_category) in ('FUT', 'FOP') then null
            else coalesce(max(multiplier), case when max(strike) is null then 1 else 100 end)
        end
    ) as multiplier,
    max(asset_category) as asset_category,
    max(underlying_symbol) as underlying_symbol,
    max(strike) as strike,
    max(expiry) as expiry,
    max(put_call) as put_call,
    -- a query may deliver the lots beside their sum, or alone
    coalesce(
        sum(position) filter (where level_of_detail ilike 'summary'),
        sum(position)
    ) as quantity,
    max(mark_price) as mark_price,
    max(fx_rate_to_base) as fx_rate_to_base
from {{ source('raw_flex', 'open_positions') }}
where withdrawn_at is null
group by 1, 2, 3, 4, 5, 6
