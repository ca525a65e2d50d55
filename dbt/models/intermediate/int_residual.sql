-- What the broker's own components leave over of its change in NAV, and the names that a rule gives it to the cent, in
-- base currency. Accrued interest has an FX translation of its own, which Interest Accruals report; a withdrawal can
-- cost a flat fee, which a fee row confirms or the settings give; up to 1e-6 is rounding. Every other remainder has no
-- name.
with

official as (
    select * from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

accrued as (
    select official.account_id, official.trading_day, sum(accruals.fx_translation) as translation
    from official
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    inner join {{ ref('stg_flex__interest_accruals') }} as accruals
        on accruals.account_id = official.account_id
        and accruals.to_date > sessions.previous_day
        and accruals.to_date <= official.trading_day
        and accruals.from_date > sessions.previous_day
    group by official.account_id, official.trading_day
),

paid as (
    select
        account_id,
        trading_day,
        coalesce(sum(nav_impact) filter (
            where event_type in ('deposit', 'withdrawal', 'transfer_in', 'transfer_out')
        ), 0) as flows,
        coalesce(sum(nav_impact) filter (where event_type = 'fee'), 0) as fees,
        count(*) filter (where event_type = 'withdrawal') as withdrawals
    from {{ ref('chronological_events') }}
    where amount is not null and {{ in_range('trading_day') }}
    group by account_id, trading_day
),

residuals as (
    select
        official.account_id,
        official.trading_day,
        coalesce(accrued.translation, 0) as translation,
        -- flows that the NAV statement does not deliver are no residual of its arithmetic
        official.broker_residual
        - case
            when official.flows is null and official.nav_source = 'change_in_nav' then coalesce(paid.flows, 0)
            else 0
        end as residual,
        -- the fee rows that are in none of the statement's components
        case when paid.withdrawals > 0 then paid.fees - coalesce(official.other_fees, 0) else 0 end as fee_of_rows,
        coalesce(paid.withdrawals, 0) * coalesce({{ withdrawal_fee('official.base_currency') }}, 0) as fee_of_settings
    from official
    left join accrued using (account_id, trading_day)
    left join paid using (account_id, trading_day)
),

named as (
    select
        residuals.account_id,
        residuals.trading_day,
        residuals.residual,
        fitting.*,
        residuals.residual - fitting.accrual_translation - fitting.fee_in_rows - fitting.withdrawal_fee as remainder
    from residuals
    cross join lateral (
        select names.accrual_translation, names.fee_in_rows, names.withdrawal_fee
        from (
            values
                (1, 0, 0, 0),
                (2, translation, 0, 0),
                (3, 0, least(fee_of_rows, 0), 0),
                (4, translation, least(fee_of_rows, 0), 0),
                (5, 0, 0, -fee_of_settings),
                (6, translation, 0, -fee_of_settings)
        ) as names (choice, accrual_translation, fee_in_rows, withdrawal_fee)
        cross join lateral (
            select abs(residual - names.accrual_translation - names.fee_in_rows - names.withdrawal_fee) as left_over
        ) as fit
        -- a fee is named where nothing remains, else any residual near it would be one
        where names.fee_in_rows = 0 and names.withdrawal_fee = 0 or fit.left_over <= 0.000001
        order by fit.left_over > 0.000001, case when fit.left_over > 0.000001 then fit.left_over end, names.choice
        limit 1
    ) as fitting
)

select
    account_id,
    trading_day,
    accrual_translation,
    fee_in_rows,
    withdrawal_fee,
    case when abs(remainder) <= 0.000001 then remainder else 0 end as rounding,
    case when abs(remainder) <= 0.000001 then 0 else remainder end as unexplained_residual
from named
