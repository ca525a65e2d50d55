-- Dividends that a statement accrues ahead of their ex-date.
select
    account_id,
    symbol,
    row_date as known_on,
    ex_date,
    gross_rate
from {{ source('raw_flex', 'dividend_accruals') }}
where withdrawn_at is null and symbol is not null and gross_rate > 0 and ex_date > row_date
