{{ config(indexes=[{'columns': ['account_id', 'trading_day'], 'unique': true}]) }}

with

official as (
    select * from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

events as (
    select * from {{ ref('chronological_events') }} where {{ in_range('trading_day') }}
),

counted as (
    select
        account_id,
        trading_day,
        sum(nav_impact) as nav_impact,
        coalesce(sum(nav_impact) filter (where phase in ('overnight', 'pre_market')), 0) as impact_before_open,
        coalesce(sum(nav_impact) filter (where is_flow and nav_impact > 0), 0) as deposits,
        coalesce(-sum(nav_impact) filter (where is_flow and nav_impact < 0), 0) as withdrawals,
        sum(commission * fx_rate_to_base) as commissions,
        coalesce(sum(nav_impact) filter (where event_type = 'interest'), 0) as interest,
        coalesce(sum(nav_impact) filter (where event_type in ('fee', 'tax', 'other_cash')), 0) as fees,
        coalesce(sum(nav_impact) filter (where event_type = 'dividend'), 0) as dividends,
        coalesce(sum(nav_impact) filter (where event_type = 'tax'), 0) as taxes,
        coalesce(sum(abs(quantity)) filter (
            where event_type = 'trade' and {{ is_option('asset_category') }}
        ), 0) as contracts_traded,
        count(distinct contract_id) filter (where event_type = 'expiration') as positions_expired,
        count(distinct contract_id) filter (where event_type = 'assignment') as positions_assigned,
        count(distinct contract_id) filter (
            where event_type = 'trade' and closing_quantity > 0 and order_type similar to '(STP|TRAIL)%'
        ) as positions_stopped
    from events
    cross join lateral (
        -- what a transfer brings is no performance
        select events.event_type in ('deposit', 'withdrawal', 'transfer_in', 'transfer_out') as is_flow
    ) as kind
    group by account_id, trading_day
),

-- Turnover is counted at the underlying's close where a statement of the day gives one, else at the strike.
option_notional as (
    select
        account_id,
        trading_day,
        sum(case when mark_price is null then turnover_at_strike else turnover * mark_price end) as implied_turnover,
        sum(case when mark_price is null then opened_at_strike else opened * mark_price end) as notional_opened
    from (
        -- trades and closes in one sum: looking for the close of each trade takes the square of the number of accounts
        select
            account_id,
            trading_day,
            sum(units) as turnover,
            sum(units * strike) as turnover_at_strike,
            sum(opened_units) as opened,
            sum(opened_units * strike) as opened_at_strike,
            max(mark_price) as mark_price
        from (
            select account_id, trading_day, underlying_symbol, currency, strike, null::numeric as mark_price,
                abs(quantity) * multiplier * fx_rate_to_base as units,
                opening_quantity * multiplier * fx_rate_to_base as opened_units
            from events
            where event_type = 'trade' and {{ is_option('asset_category') }}

            union all

            select account_id, official_day, symbol, currency, null, mark_price, null, null
            from {{ ref('int_marks') }}
            where is_underlying and symbol is not null and {{ in_range('official_day') }}
        ) as traded
        group by account_id, trading_day, underlying_symbol, currency
    ) as by_underlying
    group by account_id, trading_day
),

parts as (
    select
        account_id,
        trading_day,
        sum(amount) as named,
        sum(released) as released_marks,
        jsonb_object_agg(name, trim_scale(amount)::text) as difference_parts
    from {{ ref('int_difference_parts') }}
    group by account_id, trading_day
),

-- Deposits and withdrawals by the cash transactions, their sum by the NAV statement: the rounding of the rows' rates is
-- settled on them. Where the two disagree by more (a cross-reference reports it), the statement's net takes precedence.
flows as (
    select
        official.account_id,
        official.trading_day,
        case
            when not agreed then greatest(official.flows, 0)
            when cash.deposits > 0 then cash.deposits + rounded
            else cash.deposits
        end as deposits,
        case
            when not agreed then greatest(-official.flows, 0)
            when cash.deposits > 0 then cash.withdrawals
            else cash.withdrawals - rounded
        end as withdrawals
    from official
    left join counted using (account_id, trading_day)
    cross join lateral (
        select coalesce(counted.deposits, 0) as deposits, coalesce(counted.withdrawals, 0) as withdrawals
    ) as cash
    cross join lateral (
        select coalesce(official.flows - (cash.deposits - cash.withdrawals), 0) as rounded
    ) as settlement
    cross join lateral (
        select
            rounded = 0
            or cash.deposits + cash.withdrawals > 0
            and abs(rounded) <= greatest(0.01, abs(official.flows) * 0.005) as agreed
    ) as agreement
),

net as (
    select
        official.*,
        flows.deposits,
        flows.withdrawals,
        counted.dividends as counted_dividends,
        counted.taxes as counted_taxes,
        coalesce(counted.contracts_traded, 0) as contracts_traded,
        coalesce(counted.positions_expired, 0) as positions_expired,
        coalesce(counted.positions_assigned, 0) as positions_assigned,
        coalesce(counted.positions_stopped, 0) as positions_stopped,
        -- flows that the NAV statement does not deliver are no residual of its arithmetic
        official.broker_residual
        - case
            when official.flows is null and official.nav_source = 'change_in_nav'
                then flows.deposits - flows.withdrawals
            else 0
        end as net_residual,
        official.opening_nav + coalesce(counted.impact_before_open, 0) as opening_nav_calculated,
        official.opening_nav + coalesce(counted.nav_impact, 0) as closing_nav_calculated,
        coalesce(official.commissions, counted.commissions, 0) as net_commissions,
        coalesce(official.interest_paid, counted.interest, 0) + coalesce(official.interest_accruals, 0) as net_interest,
        coalesce(
            official.other_fees + official.transaction_tax + official.withholding_tax, counted.fees, 0
        ) as net_fees
    from official
    inner join flows using (account_id, trading_day)
    left join counted using (account_id, trading_day)
),

parted as (
    select
        net.*,
        case
            when nav_source = 'change_in_nav' then mtm + dividends_paid + dividend_accruals + other_pnl
            -- a statement that gives the total alone: gross P&L is what the other components leave
            else closing_nav - opening_nav - deposits + withdrawals - net_commissions - net_interest - net_fees
        end as gross_pnl
    from net
),

-- The official change by component, exactly. Where a statement gives the total alone, the rows give the components, and
-- mark-to-market (with FX translation) is the remainder.
components as (
    select
        account_id,
        trading_day,
        jsonb_object_agg(component.name, trim_scale(component.amount)::text) as nav_change
    from parted
    cross join lateral (
        select
            coalesce(dividends_paid, counted_dividends, 0) as dividends,
            coalesce(withholding_tax, counted_taxes, 0) as withholding_tax,
            coalesce(corporate_actions, 0) as corporate_actions,
            coalesce(transfers, 0) as transfers,
            coalesce(fx_translation, 0) as fx_translation,
            coalesce(transaction_tax, 0) as transaction_taxes
    ) as reported
    cross join lateral (
        values
            (
                'mark_to_market',
                gross_pnl - reported.dividends - coalesce(dividend_accruals, 0) - coalesce(other_pnl, 0)
                - reported.fx_translation
            ),
            ('fx_translation', reported.fx_translation),
            ('commissions', net_commissions),
            ('transaction_taxes', reported.transaction_taxes),
            ('dividends', reported.dividends),
            ('withholding_tax', reported.withholding_tax),
            ('dividend_accruals', coalesce(dividend_accruals, 0)),
            ('interest', net_interest - coalesce(interest_accruals, 0)),
            ('interest_accruals', coalesce(interest_accruals, 0)),
            ('fees', net_fees - reported.transaction_taxes - reported.withholding_tax),
            ('corporate_actions', reported.corporate_actions),
            ('other', coalesce(other_pnl, 0) - reported.corporate_actions),
            ('transfers', reported.transfers),
            ('deposits_withdrawals', deposits - withdrawals - reported.transfers),
            ('broker_residual', net_residual)
    ) as component (name, amount)
    group by account_id, trading_day
)

select
    parted.account_id,
    parted.trading_day,
    parted.base_currency,
    parted.nav_source,
    parted.opening_nav as opening_nav_official,
    parted.opening_nav_calculated,
    parted.closing_nav as closing_nav_official,
    parted.closing_nav_calculated,
    parted.deposits,
    parted.withdrawals,
    parted.gross_pnl,
    parted.net_commissions as commissions,
    parted.net_interest as interest,
    parted.net_fees as fees,
    parted.net_residual as broker_residual,
    parted.gross_pnl + parted.net_commissions + parted.net_interest + parted.net_fees + parted.net_residual
        as net_pnl,
    components.nav_change,
    parted.closing_nav - parted.closing_nav_calculated as difference,
    parts.difference_parts,
    parts.released_marks,
    parted.closing_nav - parted.closing_nav_calculated - parts.named as unexplained,
    residual.unexplained_residual,
    parted.contracts_traded,
    coalesce(option_notional.implied_turnover, 0) as implied_turnover,
    case
        when parted.opening_nav > 0
            then round(coalesce(option_notional.notional_opened, 0) / parted.opening_nav * 100, 8)
    end as position_size_pct,
    -- Flex statements carry no margin; the current day's arrives from the gateway
    null::numeric as margin_used,
    parted.positions_expired,
    parted.positions_assigned,
    parted.positions_stopped
from parted
inner join parts using (account_id, trading_day)
inner join {{ ref('int_residual') }} as residual using (account_id, trading_day)
inner join components using (account_id, trading_day)
left join option_notional using (account_id, trading_day)
