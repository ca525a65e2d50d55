{{ config(indexes=[
    {'columns': ['account_id', 'trading_day', 'kind', 'equation'], 'unique': true},
    {'columns': ['passed', 'account_id', 'trading_day']},
]) }}

-- Every equation that a day has to satisfy, with both sides: mathematical and logical ones and cross-references block
-- whatever comes after them, historical ones warn. Seed: "FNTX Daily Signature Flow", section 3.
with

days as (
    select * from {{ ref('daily_summary') }} where {{ in_range('trading_day') }}
),

sources as (
    select
        days.*,
        official.starting_value,
        rows_of_flows.expected as flows_of_rows,
        before.closing_nav_official as closing_before,
        official.commissions + official.transaction_tax as official_commissions,
        events.nav_impact,
        events.cash_flows,
        events.interest as interest_of_rows,
        events.dividends as dividends_of_rows,
        events.taxes as taxes_of_rows,
        events.others as others_of_rows,
        0.005 + events.digits as tolerance_of_rows,
        official.interest_paid,
        official.dividends_paid,
        official.withholding_tax,
        official.other_fees,
        official.other_pnl - official.corporate_actions as other_income,
        covered.section is not null as has_cash_transactions,
        parts.named,
        components.change,
        lots.lots_gross,
        fills.gross_realised as fills_gross,
        fills.contracts as fill_contracts,
        fills.turnover as fill_turnover,
        official_fills.commissions as fill_commissions,
        month.volatility as volatility_30d,
        year.volatility as volatility_ytd,
        accruals.summed_balance,
        accruals.ending_balance,
        rates.last_known as last_known_rates,
        rates.configured as configured_rates
    from days
    inner join {{ ref('official_days') }} as official using (account_id, trading_day)
    left join lateral (
        select
            coalesce(sum(nav_impact), 0) as nav_impact,
            coalesce(sum(nav_impact) filter (
                where event_type in ('deposit', 'withdrawal', 'transfer_in', 'transfer_out')
            ), 0) as cash_flows,
            coalesce(sum(nav_impact) filter (where event_type = 'interest'), 0) as interest,
            coalesce(sum(nav_impact) filter (where event_type = 'dividend'), 0) as dividends,
            coalesce(sum(nav_impact) filter (where event_type = 'tax'), 0) as taxes,
            coalesce(sum(nav_impact) filter (where event_type = 'other_cash'), 0) as others,
            -- what the cents of the rows and the digits of their rates leave open, and rates that no statement gives
            coalesce(sum(
                0.005 * fx_rate_to_base
                + case
                    when {{ is_stand_in('fx_source') }} then 0.02 * abs(nav_impact)
                    else 0.5 * power(10::numeric, -scale(fx_rate_to_base)) * abs(amount)
                end
            ) filter (
                where fx_source <> 'base' and event_type in ('interest', 'dividend', 'tax', 'fee', 'other_cash')
            ), 0) as digits
        from {{ ref('chronological_events') }} as events
        where events.account_id = days.account_id and events.trading_day = days.trading_day
    ) as events on true
    cross join lateral (
        -- the rows may or may not report what linked accounts transfer to each other
        select
            case
                when
                    abs(events.cash_flows - official.flows)
                    <= abs(events.cash_flows - official.flows + official.linked)
                    then official.flows
                else official.flows - official.linked
            end as expected
    ) as rows_of_flows
    left join lateral (
        select coalesce(sum(value::numeric), 0) as named from jsonb_each_text(days.difference_parts)
    ) as parts on true
    left join lateral (
        select sum(value::numeric) as change from jsonb_each_text(days.nav_change)
    ) as components on true
    left join lateral (
        select
            coalesce(sum(gross_realised), 0) as gross_realised,
            coalesce(sum(abs(quantity)) filter (where traded_option), 0) as contracts,
            coalesce(sum(
                abs(quantity) * multiplier * coalesce(underlying.mark_price, strike) * fx_rate_to_base
            ) filter (where traded_option), 0) as turnover
        from {{ ref('stg_fills') }} as dealt
        cross join lateral (select dealt.event_type = 'trade' and dealt.is_option as traded_option) as kind
        left join lateral (
            select max(marks.mark_price) as mark_price
            from {{ ref('int_marks') }} as marks
            where kind.traded_option
                and marks.account_id = dealt.account_id
                and marks.official_day = dealt.trading_day
                and marks.symbol = dealt.underlying_symbol
                and marks.currency = dealt.currency
                and marks.is_underlying
        ) as underlying on true
        where dealt.account_id = days.account_id and dealt.trading_day = days.trading_day
    ) as fills on true
    left join lateral (
        select coalesce(sum(commission * fx_rate_to_base), 0) as commissions
        from {{ ref('stg_fills') }} as charged
        where charged.account_id = days.account_id and charged.official_day = days.trading_day
    ) as official_fills on true
    left join lateral (
        select coalesce(sum(gross_pnl), 0) as lots_gross
        from {{ ref('stg_lots') }} as lots
        where lots.account_id = days.account_id and lots.closed_day = days.trading_day
    ) as lots on true
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    left join {{ source('raw_flex', 'coverage') }} as covered
        on covered.account_id = days.account_id
        and covered.day = days.trading_day
        and covered.section = 'cash_transactions'
    left join lateral (
        select sum(summed_balance) as summed_balance, sum(ending_balance) as ending_balance
        from {{ ref('stg_flex__interest_accruals') }} as accrued
        where accrued.account_id = days.account_id
            and accrued.to_date > sessions.previous_day
            and accrued.to_date <= days.trading_day
            and accrued.from_date > sessions.previous_day
    ) as accruals on true
    left join lateral (
        select
            count(*) filter (where source = 'last_known') as last_known,
            count(*) filter (where source = 'configured') as configured
        from {{ source('accounting', 'day_rates') }} as day_rates
        where day_rates.account_id = days.account_id and day_rates.session = days.trading_day
    ) as rates on true
    left join {{ ref('daily_summary') }} as before
        on before.account_id = days.account_id and before.trading_day = sessions.previous_day
    left join {{ ref('rolling_metrics') }} as month
        on month.account_id = days.account_id and month.trading_day = days.trading_day and month.metric_window = '30d'
    left join {{ ref('rolling_metrics') }} as year
        on year.account_id = days.account_id and year.trading_day = days.trading_day and year.metric_window = 'ytd'
)

select
    sources.account_id,
    sources.trading_day,
    equation.kind,
    equation.equation,
    equation.left_side,
    equation.relation,
    equation.right_side,
    equation.left_side - equation.right_side as difference,
    equation.tolerance,
    case equation.relation
        when '=' then abs(equation.left_side - equation.right_side) <= equation.tolerance
        when '<=' then equation.left_side <= equation.right_side + equation.tolerance
        when '>=' then equation.left_side >= equation.right_side - equation.tolerance
    end as passed
from sources
cross join lateral (
    values
        (
            'mathematical', 'opening + deposits - withdrawals + net_pnl = closing',
            opening_nav_official + deposits - withdrawals + net_pnl, '=', closing_nav_official, 0
        ),
        (
            'mathematical', 'gross_pnl + commissions + interest + fees + broker_residual = net_pnl',
            gross_pnl + commissions + interest + fees + broker_residual, '=', net_pnl, 0
        ),
        (
            'mathematical', 'closing - opening = the components of the change',
            closing_nav_official - opening_nav_official, '=', change, 0
        ),
        (
            'mathematical', 'opening + the events'' NAV impact = calculated closing',
            opening_nav_official + nav_impact, '=', closing_nav_calculated, 0
        ),
        (
            'mathematical', 'official closing - calculated closing = difference',
            closing_nav_official - closing_nav_calculated, '=', difference, 0
        ),
        (
            'mathematical', 'parts of the difference + unexplained = difference',
            named + unexplained, '=', difference, 0
        ),
        ('logical', 'deposits >= 0', deposits, '>=', 0, 0),
        ('logical', 'withdrawals >= 0', withdrawals, '>=', 0, 0),
        ('logical', 'contracts_traded >= 0', contracts_traded, '>=', 0, 0),
        ('logical', 'implied_turnover >= 0', implied_turnover, '>=', 0, 0),
        ('logical', 'position_size_pct >= 0', position_size_pct, '>=', 0, 0),
        (
            'cross_reference', 'opening NAV = the previous session''s closing NAV',
            opening_nav_official, '=', closing_before, 0
        ),
        (
            'cross_reference', 'opening NAV = the statement''s starting value',
            starting_value, '=', opening_nav_official, 0.01
        ),
        (
            'cross_reference', 'deposits, withdrawals and transfers of the rows = in the NAV statement',
            cash_flows, '=', flows_of_rows, greatest(0.01, abs(flows_of_rows) * 0.005)
        ),
        (
            'cross_reference', 'commissions of the fills = in the NAV statement',
            fill_commissions, '=', official_commissions, greatest(0.01, abs(official_commissions) * 0.005)
        ),
        (
            'cross_reference', 'contracts of the option fills = contracts_traded',
            fill_contracts, '=', contracts_traded, 0
        ),
        (
            'cross_reference', 'contracts x multiplier x underlying price x rate = implied_turnover',
            fill_turnover, '=', implied_turnover, 0
        ),
        (
            'cross_reference', 'gross P&L of the lots closed = gross P&L of their fills',
            lots_gross, '=', fills_gross, 0
        ),
        ('cross_reference', 'margin_used <= closing NAV', margin_used, '<=', closing_nav_official, 0),
        (
            'historical', 'daily return within 10 %',
            abs((closing_nav_official + withdrawals) / nullif(opening_nav_official + deposits, 0) - 1), '<=', 0.10, 0
        ),
        (
            'historical', 'volatility of 30 days at most twice the year''s',
            volatility_30d::numeric, '<=', 2 * volatility_ytd::numeric, 0
        ),
        ('historical', 'the broker''s own arithmetic leaves nothing over', unexplained_residual, '=', 0, 0),
        (
            'historical', 'accrued interest: start + accrued + reversed + FX translation = end',
            summed_balance, '=', ending_balance, 0.01
        ),
        (
            'historical', 'interest of the rows = in the NAV statement',
            interest_of_rows, '=', case when has_cash_transactions then interest_paid end, tolerance_of_rows
        ),
        (
            'historical', 'dividends of the rows = in the NAV statement',
            dividends_of_rows, '=', case when has_cash_transactions then dividends_paid end, tolerance_of_rows
        ),
        (
            'historical', 'withholding tax of the rows = in the NAV statement',
            taxes_of_rows, '=', case when has_cash_transactions then withholding_tax end, tolerance_of_rows
        ),
        (
            -- but for the fee that its row and the broker's residual both say
            'historical', 'fees of the rows = in the NAV statement',
            other_fees - (difference_parts ->> 'fees')::numeric, '=',
            case when has_cash_transactions then other_fees end, tolerance_of_rows
        ),
        (
            'historical', 'other income of the rows = in the NAV statement',
            others_of_rows, '=', case when has_cash_transactions then other_income end, tolerance_of_rows
        ),
        ('historical', 'no exchange rate is the last known one', last_known_rates, '=', 0, 0),
        ('historical', 'no exchange rate is the configured one', configured_rates, '=', 0, 0),
        ('historical', 'the difference at the close is explained', unexplained, '=', 0, 0.01)
) as equation (kind, equation, left_side, relation, right_side, tolerance)
-- an equation over a figure that the statements do not give proves nothing
where equation.left_side is not null and equation.right_side is not null

union all

select
    metrics.account_id,
    metrics.trading_day,
    'logical',
    bound.equation || ' (' || metrics.metric_window || ')',
    bound.left_side,
    bound.relation,
    bound.right_side,
    bound.left_side - bound.right_side,
    0,
    case bound.relation when '<=' then bound.left_side <= bound.right_side else bound.left_side >= bound.right_side end
from {{ ref('rolling_metrics') }} as metrics
cross join lateral (
    values
        ('win_rate >= 0', metrics.win_rate::numeric, '>=', 0),
        ('win_rate <= 100', metrics.win_rate::numeric, '<=', 100),
        ('max_drawdown <= 0', metrics.max_drawdown::numeric, '<=', 0),
        ('volatility >= 0', metrics.volatility::numeric, '>=', 0)
) as bound (equation, left_side, relation, right_side)
where {{ in_range('metrics.trading_day') }} and bound.left_side is not null

union all

select
    account_id,
    trading_day,
    'historical',
    equation,
    left_side,
    '=',
    right_side,
    left_side - right_side,
    tolerance,
    abs(left_side - right_side) <= tolerance
from {{ ref('int_statement_sums') }}
