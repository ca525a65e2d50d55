select
    account_id,
    coalesce(from_date, row_date) as from_date,
    coalesce(to_date, row_date) as to_date,
    coalesce(fx_translation, 0) as fx_translation,
    coalesce(interest_accrued, 0) + coalesce(accrual_reversal, 0) as accrued,
    abs(coalesce(starting_accrual_balance, 0)) + abs(coalesce(interest_accrued, 0))
    + abs(coalesce(accrual_reversal, 0)) + abs(coalesce(ending_accrual_balance, 0)) as balances,
    coalesce(starting_accrual_balance, 0) + coalesce(interest_accrued, 0) + coalesce(accrual_reversal, 0)
    + coalesce(fx_translation, 0) as summed_balance,
    ending_accrual_balance as ending_balance
from {{ source('raw_flex', 'interest_accruals') }}
where withdrawn_at is null and currency = 'BASE_SUMMARY'
