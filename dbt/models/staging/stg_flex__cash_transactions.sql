select
    account_id,
    row_key as cash_id,
    row_date as statement_day,
    date_time,
    currency,
    amount,
    fx_rate_to_base,
    type as cash_type,
    description,
    transaction_id as source_transaction_id
from {{ source('raw_flex', 'cash_transactions') }}
where withdrawn_at is null
    and currency is distinct from 'BASE_SUMMARY'
    -- a query may deliver summary rows beside the detail: they repeat its money
    and coalesce(attributes ->> 'levelOfDetail', '') not ilike 'summary'
