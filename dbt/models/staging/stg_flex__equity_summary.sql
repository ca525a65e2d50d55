select distinct on (account_id, report_date)
    account_id,
    currency as base_currency,
    report_date,
    total,
    cash,
    interest_accruals,
    dividend_accruals,
    coalesce(bonds, 0) as bonds,
    -- what the positions are worth; null where the fields that give it were not chosen
    coalesce(
        total - cash - interest_accruals - dividend_accruals - coalesce(broker_fees_accruals_component, 0),
        stock + options + coalesce(bonds, 0) + coalesce(funds, 0)
    ) as asset_value
from {{ source('raw_flex', 'equity_summary') }}
where withdrawn_at is null and currency is distinct from 'BASE_SUMMARY'
-- a day arrives in its own statement and again in the next day's: its own takes precedence
order by account_id asc, report_date asc, row_date = report_date desc, row_date asc
