-- Cash at the start and the end of a statement's period by currency, and in base currency (`BASE_SUMMARY`).
select
    account_id,
    currency,
    coalesce(from_date, row_date) as from_date,
    coalesce(to_date, row_date) as to_date,
    starting_cash,
    ending_cash
from {{ source('raw_flex', 'cash_report') }}
where withdrawn_at is null and (currency = 'BASE_SUMMARY' or currency ~ '^[A-Z0-9.]{1,20}$')
