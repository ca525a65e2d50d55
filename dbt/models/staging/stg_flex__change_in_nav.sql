select
    account_id,
    currency as base_currency,
    coalesce(from_date, row_date) as from_date,
    coalesce(to_date, row_date) as to_date,
    starting_value,
    ending_value,
    -- a query set to realised and unrealised P&L instead of mark-to-market carries the same change in other columns,
    -- and FX apart from it
    coalesce(
        mtm,
        realized + coalesce(change_in_unrealized, 0)
        + coalesce(cost_adjustments, 0) + coalesce(transferred_pnl_adjustments, 0),
        0
    ) + coalesce(net_fx_trading, 0) + coalesce(fx_translation, 0) as mtm,
    coalesce(net_fx_trading, 0) + coalesce(fx_translation, 0) as fx_translation,
    coalesce(commissions, 0) + coalesce(forex_commissions, 0) + coalesce(commission_receivables, 0)
    + coalesce(commission_credits_redemption, 0) as commissions,
    coalesce(transaction_tax, 0) as transaction_tax,
    coalesce(interest, 0) as interest_paid,
    coalesce(change_in_interest_accruals, 0) as interest_accruals,
    coalesce(dividends, 0) as dividends_paid,
    coalesce(change_in_dividend_accruals, 0) as dividend_accruals,
    coalesce(withholding_tax, 0) + coalesce(withholding871m, 0)
    + coalesce(withholding_tax_collected, 0) as withholding_tax,
    coalesce(broker_fees, 0) + coalesce(change_in_broker_fee_accruals, 0) + coalesce(advisor_fees, 0)
    + coalesce(client_fees, 0) + coalesce(other_fees, 0) + coalesce(fees_receivables, 0)
    + coalesce(tax_receivables, 0) + coalesce(sales_tax, 0) + coalesce(billable_sales_tax, 0)
    + coalesce(soft_dollars, 0) + coalesce(other, 0) as other_fees,
    -- null where the query does not deliver it: then the cash transactions alone show what came and went
    deposits_withdrawals + coalesce(internal_cash_transfers, 0) + coalesce(asset_transfers, 0)
    + coalesce(debit_card_activity, 0) + coalesce(bill_pay, 0) + coalesce(excess_fund_sweep, 0)
    + coalesce(paxos_transfers, 0) + coalesce(linking_adjustments, 0) as flows,
    coalesce(internal_cash_transfers, 0) + coalesce(asset_transfers, 0) + coalesce(paxos_transfers, 0)
    + coalesce(linking_adjustments, 0) as transfers,
    -- what linked accounts transfer to each other; the rows need not report it
    coalesce(linking_adjustments, 0) as linked,
    coalesce(corporate_action_proceeds, 0) as corporate_actions,
    coalesce(corporate_action_proceeds, 0) + coalesce(other_income, 0) + coalesce(grant_activity, 0) as other_pnl,
    twr / 100 as stated_return
from {{ source('raw_flex', 'change_in_nav') }}
where withdrawn_at is null
