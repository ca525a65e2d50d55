-- Each row of the equity summary, also those that repeat the day before: its total, and the sum of its parts where all
-- the common ones are delivered.
select
    account_id,
    row_date as statement_day,
    report_date,
    total,
    cash + stock + options + bonds + coalesce(funds, 0) + interest_accruals + dividend_accruals
    + coalesce(broker_fees_accruals_component, 0)
    + (
        select coalesce(sum(nullif(part.value, '')::numeric), 0)
        from jsonb_each_text(attributes) as part
        where part.key in (
            'slbCashCollateral',
            'slbDirectSecuritiesBorrowed',
            'slbDirectSecuritiesLent',
            'commodities',
            'notes',
            'crypto',
            'softDollars',
            'forexCfdUnrealizedPl',
            'cfdUnrealizedPl',
            'ipoSubscription',
            'physDel',
            'marginFinancingChargeAccruals',
            'eventContractInterestAccruals'
        )
    ) as parts
from {{ source('raw_flex', 'equity_summary') }}
where withdrawn_at is null and currency is distinct from 'BASE_SUMMARY'
