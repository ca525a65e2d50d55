select
    account_id,
    coalesce(report_date, row_date) as report_date,
    symbol
from {{ source('raw_flex', 'corporate_actions') }}
where withdrawn_at is null
