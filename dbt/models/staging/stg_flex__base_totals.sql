-- What the broker sums in base currency: figures of a day's trades by contract, movements of cash by type.
select account_id, row_date as statement_day, 'commissions' as figure, coalesce(conid, symbol) as name,
    commissions as amount
from {{ source('raw_flex', 'mtm_performance') }}
where withdrawn_at is null and commissions is not null

union all

select account_id, row_date, 'mark_to_market', coalesce(conid, symbol), transaction_mtm
from {{ source('raw_flex', 'mtm_performance') }}
where withdrawn_at is null and transaction_mtm is not null

union all

select account_id, row_date, 'realised', coalesce(conid, symbol),
    total_realized_pnl - coalesce(total_realized_fx_pnl, 0)
from {{ source('raw_flex', 'fifo_performance') }}
where withdrawn_at is null and total_realized_pnl is not null

union all

select account_id, row_date, 'cash', coalesce(type, 'all'), amount
from {{ source('raw_flex', 'cash_transactions') }}
where withdrawn_at is null and currency = 'BASE_SUMMARY' and amount is not null
