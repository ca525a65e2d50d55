select
    account_id,
    row_date as statement_day,
    coalesce(conid, symbol) as contract_id,
    symbol,
    strike is null as is_underlying,
    currency,
    -- bonds are priced in percent
    trim_scale(max(multiplier) / case when max(asset_category) in ('BOND', 'BILL') then 100 else 1 end) as multiplier,
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
    max(mark_price) as mark_price
from {{ source('raw_flex', 'open_positions') }}
where withdrawn_at is null
group by 1, 2, 3, 4, 5, 6
