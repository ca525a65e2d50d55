-- The difference at the close, by name, in base currency. daily_summary reports the remainder as unexplained.
with

official as (
    select * from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

-- Rates are known for the days that have rows; a position that is only held takes the last rate before the day.
contracts as (
    select
        days.*,
        {{ rate_known('days.account_id', 'days.currency', 'days.trading_day') }} as day_rate
    from {{ ref('int_contract_days') }} as days
),

by_contract as (
    select
        account_id,
        trading_day,
        sum(mark_to_market * day_rate) as mark_to_market,
        sum(released * day_rate) as released,
        sum(assigned_option_mark * day_rate) as assigned_option_mark,
        sum(expired_option_mark * day_rate) as expired_option_mark,
        sum(counted * day_rate - counted_in_base) as rate_difference,
        sum(after_hours * day_rate) as after_hours,
        sum(mtm * day_rate) as mtm,
        bool_or(mark_is_missing) as mark_is_missing
    from contracts
    group by account_id, trading_day
),

official_fees as (
    select
        account_id,
        official_day as trading_day,
        sum(commission * fx_rate_to_base) as commissions,
        sum(commission * fx_rate_to_base) filter (where trading_day <> official_day) as counted_later
    from {{ ref('stg_fills') }}
    where {{ in_range('official_day') }}
    group by 1, 2
),

story_fees as (
    select
        account_id,
        trading_day,
        sum(commission * fx_rate_to_base) filter (where trading_day <> official_day) as of_other_days
    from {{ ref('stg_fills') }}
    where {{ in_range('trading_day') }}
    group by 1, 2
),

cash as (
    select
        account_id,
        trading_day,
        sum(nav_impact) as total,
        sum(nav_impact) filter (
            where event_type in ('deposit', 'withdrawal', 'transfer_in', 'transfer_out')
        ) as flows,
        sum(nav_impact) filter (where event_type = 'interest') as interest,
        sum(nav_impact) filter (where event_type in ('dividend', 'tax')) as dividends,
        sum(nav_impact) filter (where event_type = 'fee') as fees,
        sum(nav_impact) filter (where event_type = 'other_cash') as other
    from {{ ref('chronological_events') }}
    where amount is not null and {{ in_range('trading_day') }}
    group by 1, 2
),

-- What the day's deals, bookings and transfers took out of the positions, as cash or as value, in base currency.
taken_out as (
    select
        fills.account_id,
        fills.official_day as trading_day,
        sum(fills.proceeds * coalesce(day_rate.rate, fills.fx_rate_to_base)) as proceeds
    from {{ ref('stg_fills') }} as fills
    left join {{ source('accounting', 'day_rates') }} as day_rate
        on day_rate.account_id = fills.account_id
        and day_rate.session = fills.official_day
        and day_rate.currency = fills.currency
    where fills.event_type <> 'fx_conversion' and {{ in_range('fills.official_day') }}
    group by 1, 2
),

-- The broker's mark-to-market beyond that of its rows and marks, and how much of it can be named: the FX translation,
-- and, where a carried position has no mark in the statements, its revaluation by the value of the positions in the
-- equity summary. The rest is unexplained.
beyond as (
    select
        official.account_id,
        official.trading_day,
        coalesce(by_contract.mark_is_missing, false) as mark_is_missing,
        fx.has_other_currencies,
        coalesce(
            official.mtm + official.corporate_actions,
            -- a statement that gives the total alone: what the rows, the rates' own part apart, do not explain of it
            official.closing_nav - official.opening_nav
            - coalesce(official_fees.commissions, 0) - coalesce(cash.total, 0)
            - coalesce(official.interest_accruals, 0) - coalesce(official.dividend_accruals, 0)
        ) - coalesce(by_contract.mtm, 0) as amount,
        case
            when coalesce(by_contract.mark_is_missing, false)
                then
                    official.asset_value - official.opening_asset_value
                    + coalesce(taken_out.proceeds, 0) - coalesce(by_contract.mtm, 0)
            else 0
        end as revaluation,
        fx.of_rows
        + case when known.balances then fx.of_cash else 0 end
        + case when known.balances and not coalesce(by_contract.mark_is_missing, false) then fx.of_positions else 0 end
            as expected,
        case
            when known.balances then fx.digits
            when fx.has_other_currencies then fx.most + fx.digits
            else 0
        end as slack
    from official
    inner join {{ ref('int_fx_translation') }} as fx using (account_id, trading_day)
    left join by_contract using (account_id, trading_day)
    left join official_fees using (account_id, trading_day)
    left join cash using (account_id, trading_day)
    left join taken_out using (account_id, trading_day)
    cross join lateral (
        -- without marks the revaluation holds the positions' own translation
        select fx.cash_is_known and (fx.positions_are_known or coalesce(by_contract.mark_is_missing, false)) as balances
    ) as known
),

namable as (
    select
        *,
        case
            -- neither marks nor the value of the positions are known: the NAV alone gives their revaluation
            when revaluation is null then amount
            else least(greatest(amount, revaluation + expected - slack), revaluation + expected + slack)
        end as named
    from beyond
),

named as (
    select
        official.account_id,
        official.trading_day,
        -- where a carried position has no mark in the statements, its revaluation and FX translation arrive as one sum
        coalesce(by_contract.mark_to_market, 0)
        + case when namable.mark_is_missing then namable.named else 0 end as mark_to_market,
        coalesce(by_contract.released, 0) as released,
        coalesce(by_contract.assigned_option_mark, 0) as assigned_option_mark,
        coalesce(by_contract.expired_option_mark, 0) as expired_option_mark,
        coalesce(by_contract.rate_difference, 0) as rate_difference,
        coalesce(official.interest_accruals, 0) as interest_accruals,
        case when not namable.mark_is_missing then namable.named else 0 end as fx_translation,
        coalesce(by_contract.after_hours, 0) + coalesce(official_fees.counted_later, 0)
        - coalesce(story_fees.of_other_days, 0) as after_hours_trades,
        coalesce(
            official.commissions + official.transaction_tax - coalesce(official_fees.commissions, 0), 0
        ) as commissions,
        coalesce(official.interest_paid - coalesce(cash.interest, 0), 0) as interest,
        coalesce(
            official.dividends_paid + official.withholding_tax - coalesce(cash.dividends, 0), 0
        ) + coalesce(official.dividend_accruals, 0) as dividends,
        -- a fee that its row and the broker's residual both say is no difference
        coalesce(official.other_fees - coalesce(cash.fees, 0) + residual.fee_in_rows, 0) as fees,
        coalesce(official.flows - coalesce(cash.flows, 0), 0) as transfers,
        coalesce(official.other_pnl - official.corporate_actions - coalesce(cash.other, 0), 0) as other,
        residual.accrual_translation,
        residual.withdrawal_fee,
        residual.rounding as broker_residual
    from official
    inner join {{ ref('int_residual') }} as residual using (account_id, trading_day)
    inner join namable using (account_id, trading_day)
    left join by_contract using (account_id, trading_day)
    left join official_fees using (account_id, trading_day)
    left join story_fees using (account_id, trading_day)
    left join cash using (account_id, trading_day)
)

select
    named.account_id,
    named.trading_day,
    part.name,
    part.amount,
    -- of the mark-to-market: earlier marks that the day's closing trades released
    case when part.name = 'mark_to_market' then named.released else 0 end as released
from named
cross join lateral (
    values
        ('mark_to_market', mark_to_market),
        ('assigned_option_mark', assigned_option_mark),
        ('expired_option_mark', expired_option_mark),
        ('rate_difference', rate_difference),
        ('interest_accruals', interest_accruals),
        ('fx_translation', fx_translation),
        ('after_hours_trades', after_hours_trades),
        ('commissions', commissions),
        ('interest', interest),
        ('dividends', dividends),
        ('fees', fees),
        ('transfers', transfers),
        ('other', other),
        ('accrual_translation', accrual_translation),
        ('withdrawal_fee', withdrawal_fee),
        ('broker_residual', broker_residual)
) as part (name, amount)
