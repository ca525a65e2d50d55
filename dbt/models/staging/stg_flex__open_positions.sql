select
    account_id,
    row_date as statement_day,
    coalesce(conid, symbol) as contract_id,
    symbol,
    strike is null as is_underlying,
    currency,
    max(mark_price) as mark_price
from {{ source('raw_flex', 'open_positions') }}
where withdrawn_at is null and mark_price is not null
group by 1, 2, 3, 4, 5, 6
