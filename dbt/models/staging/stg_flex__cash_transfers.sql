-- Cash that came from or went to another account; positions that did are fills.
select
    transfers.account_id,
    'transfer:' || transfers.row_key as cash_id,
    transfers.row_date as statement_day,
    transfers.date_time,
    transfers.currency,
    transfers.cash_transfer as amount,
    transfers.fx_rate_to_base,
    coalesce(transfers.type, 'Transfer') as cash_type,
    transfers.description,
    transfers.transaction_id as source_transaction_id
from {{ source('raw_flex', 'transfers') }} as transfers
where transfers.withdrawn_at is null
    and transfers.cash_transfer <> 0
    and coalesce(transfers.quantity, 0) = 0
    and coalesce(transfers.attributes ->> 'levelOfDetail', '') not ilike 'summary'
    -- a query may deliver the movement as a cash transaction, too: that row takes precedence
    and not exists (
        select from {{ ref('stg_flex__cash_transactions') }} as cash
        where cash.account_id = transfers.account_id
            and cash.statement_day = transfers.row_date
            and cash.currency = transfers.currency
            and cash.amount = transfers.cash_transfer
            and cash.cash_type ilike 'Deposits%Withdrawals%'
    )
