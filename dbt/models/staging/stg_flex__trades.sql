select
    account_id,
    row_date as statement_day,
    row_kind,
    transaction_type,
    case
        when row_kind = 'Trade' then coalesce(asset_category, case when strike is null then 'STK' else 'OPT' end)
        else asset_category
    end as asset_category,
    coalesce(conid, symbol) as contract_id,
    symbol,
    strike,
    currency,
    quantity,
    trade_price,
    multiplier,
    proceeds,
    close_price,
    mtm_pnl,
    fifo_pnl_realized,
    coalesce(ib_commission, 0) as commission,
    coalesce(ib_commission_currency, currency) as commission_currency,
    fx_rate_to_base
from {{ source('raw_flex', 'trades') }}
where withdrawn_at is null and row_kind in ('Trade', 'AssetSummary')
