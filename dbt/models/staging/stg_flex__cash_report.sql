select
    account_id,
    currency,
    coalesce(from_date, row_date) as from_date,
    coalesce(to_date, row_date) as to_date,
    starting_cash
from {{ source('raw_flex', 'cash_report') }}
where withdrawn_at is null and currency ~ '^[A-Z0-9.]{1,20}$' and starting_cash is not null
