select
    account_id,
    row_date as statement_day,
    coalesce(quantity, 0) as quantity,
    coalesce(multiplier, 1) as multiplier,
    asset_category,
    coalesce(transfer_price, 0) as price,
    coalesce(position_amount, 0) as amount,
    position_amount_in_base as amount_in_base,
    coalesce(cash_transfer, 0) as cash,
    fx_rate_to_base
from {{ source('raw_flex', 'transfers') }}
where withdrawn_at is null
