-- What a statement says twice must agree: rows and their totals, parts and wholes, the end of a day and the next one's
-- start. Each equation of a session with both sides, and the tolerance that the digits of the statement need. An
-- equation over a section or a field that is not delivered is left out.
-- Each part is materialized: the planner expects one session, and would compute every part again for each of hundreds.
with

sessions as (
    select
        account_id, trading_day, base_currency, closing_nav, previous_day, nav_source, corporate_actions,
        interest_accruals, dividend_accruals
    from {{ ref('official_days') }}
    inner join {{ ref('stg_sessions') }} using (account_id, trading_day)
    where {{ in_range('trading_day') }}
),

rates as (
    select
        stated.account_id,
        sessions.trading_day,
        stated.currency,
        stated.rate,
        0.5 * power(10::numeric, -scale(stated.rate)) as last_digit
    from sessions
    inner join {{ source('accounting', 'day_rates') }} as stated
        on stated.account_id = sessions.account_id
        and stated.session = sessions.trading_day
        and stated.currency <> sessions.base_currency

    union all

    select account_id, trading_day, base_currency, 1, 0 from sessions
),

trades as (
    select sessions.trading_day, trades.*
    from sessions
    inner join {{ ref('stg_flex__trades') }} as trades
        on trades.account_id = sessions.account_id
        and trades.statement_day > sessions.previous_day
        and trades.statement_day <= sessions.trading_day
),

of_rows as materialized (
    select
        account_id,
        trading_day,
        sum(abs(proceeds + quantity * trade_price * units)) as proceeds_off,
        -- the end of an option is marked from the price of the evening before, which its row need not give
        sum(abs(mtm_pnl - quantity * close_price * units - proceeds)) filter (
            where asset_category <> 'CASH'
            and not ({{ is_option('asset_category') }} and transaction_type = 'BookTrade' and trade_price = 0)
        ) as mark_off,
        0.01 * count(*) + 0.00005 * sum(abs(quantity * units)) as tolerance
    from trades
    -- a conversion has no multiplier
    cross join lateral (select case asset_category when 'CASH' then 1 else multiplier end as units) as unit
    where row_kind = 'Trade' and asset_category in ('STK', 'OPT', 'CASH')
    group by account_id, trading_day
),

totals as materialized (
    select
        account_id,
        trading_day,
        asset_category,
        sum(quantity) as quantity,
        sum(proceeds) as proceeds,
        sum(commission) as commission
    from trades
    where row_kind = 'AssetSummary'
    group by account_id, trading_day, asset_category
),

rated as materialized (
    select
        trades.*,
        of_currency.rate as day_rate,
        coalesce(trades.fx_rate_to_base, of_currency.rate) as rate,
        case
            when trades.commission_currency = trades.currency then coalesce(trades.fx_rate_to_base, of_currency.rate)
            else of_commission.rate
        end as rate_of_commission
    from trades
    left join rates as of_currency using (account_id, trading_day, currency)
    left join rates as of_commission
        on of_commission.account_id = trades.account_id
        and of_commission.trading_day = trades.trading_day
        and of_commission.currency = trades.commission_currency
    where trades.row_kind = 'Trade'
),

summed as materialized (
    select
        account_id,
        trading_day,
        asset_category,
        sum(abs(quantity)) as quantity,
        sum(proceeds * rate) as proceeds,
        sum(commission * rate_of_commission) as commission,
        sum(abs(proceeds * day_rate)) as turnover
    from rated
    group by account_id, trading_day, asset_category
),

of_totals as materialized (
    select
        account_id,
        trading_day,
        sum(abs(totals.quantity - summed.quantity)) as quantity_off,
        sum(abs(totals.proceeds - summed.proceeds)) as proceeds_off,
        sum(abs(totals.commission - summed.commission)) as commission_off,
        0.01 + 0.0000001 * sum(summed.turnover) as tolerance
    from totals
    inner join summed using (account_id, trading_day, asset_category)
    group by account_id, trading_day
),

base_totals as materialized (
    select stated.account_id, sessions.trading_day, stated.figure, stated.name, sum(stated.amount) as amount
    from sessions
    inner join {{ ref('stg_flex__base_totals') }} as stated
        on stated.account_id = sessions.account_id
        and stated.statement_day > sessions.previous_day
        and stated.statement_day <= sessions.trading_day
    group by stated.account_id, sessions.trading_day, stated.figure, stated.name
),

-- The rows that they sum, by contract or type; null where a row does not give the figure.
in_base as materialized (
    select
        rated.account_id,
        rated.trading_day,
        part.figure,
        rated.contract_id as name,
        case when bool_and(part.amount is not null) then sum(part.amount) end as amount,
        sum(abs(part.amount / nullif(rated.rate, 0))) as size
    from rated
    cross join lateral (
        values
            ('commissions', rated.commission * rated.rate_of_commission),
            -- the summary books the end of an option elsewhere
            ('mark_to_market', case when rated.transaction_type <> 'BookTrade' then rated.mtm_pnl * rated.rate end),
            ('realised', rated.fifo_pnl_realized * rated.rate)
    ) as part (figure, amount)
    where exists (
        select from base_totals
        where base_totals.account_id = rated.account_id and base_totals.trading_day = rated.trading_day
    )
    group by rated.account_id, rated.trading_day, part.figure, rated.contract_id

    union all

    select
        sessions.account_id, sessions.trading_day, 'cash', coalesce(moved.cash_type, 'all'),
        sum(moved.amount * coalesce(moved.fx_rate_to_base, rates.rate)), sum(abs(moved.amount))
    from sessions
    inner join {{ ref('stg_flex__cash_transactions') }} as moved
        on moved.account_id = sessions.account_id
        and moved.statement_day > sessions.previous_day
        and moved.statement_day <= sessions.trading_day
    left join rates
        on rates.account_id = sessions.account_id
        and rates.trading_day = sessions.trading_day
        and rates.currency = moved.currency
    group by sessions.account_id, sessions.trading_day, coalesce(moved.cash_type, 'all')
),

of_base_totals as materialized (
    select
        account_id,
        trading_day,
        sum(abs(base_totals.amount - in_base.amount)) filter (where figure <> 'cash') as trades_off,
        sum(abs(base_totals.amount - in_base.amount)) filter (where figure = 'cash') as cash_off,
        -- a rate has at least four places, and the broker sums at a more exact one
        0.01 * count(*) + 0.00005 * sum(in_base.size) as tolerance
    from base_totals
    inner join in_base using (account_id, trading_day, figure, name)
    group by account_id, trading_day
),

-- The symbol of the Options Clearing Corporation ends with the strike in thousandths.
options as materialized (
    select account_id, statement_day, symbol, strike, multiplier from {{ ref('stg_flex__trades') }}
    where symbol ~ '[0-9]{6}[CP][0-9]{8}$'

    union all

    select account_id, statement_day, symbol, strike, multiplier from {{ ref('stg_flex__open_positions') }}
    where symbol ~ '[0-9]{6}[CP][0-9]{8}$'
),

of_options as materialized (
    select account_id, trading_day, sum(strikes_off) as strikes_off, sum(multipliers_off) as multipliers_off
    from (
        select
            sessions.account_id,
            sessions.trading_day,
            count(*) filter (where options.strike <> right(options.symbol, 8)::numeric / 1000) as strikes_off,
            max(options.multiplier) - min(options.multiplier) as multipliers_off
        from sessions
        inner join options
            on options.account_id = sessions.account_id
            -- the day before, too: an end has no price by which its multiplier would show
            and options.statement_day >= sessions.previous_day
            and options.statement_day <= sessions.trading_day
        group by sessions.account_id, sessions.trading_day, options.symbol
    ) as contracts
    group by account_id, trading_day
),

of_equity as materialized (
    select
        sessions.account_id,
        sessions.trading_day,
        sum(abs(equity.total - equity.parts)) as parts_off,
        0.01 * count(*) as tolerance,
        sum(abs(equity.total - own.total)) filter (where equity.report_date <> equity.statement_day) as repeated_off
    from sessions
    inner join {{ ref('stg_flex__equity_parts') }} as equity
        on equity.account_id = sessions.account_id
        and equity.statement_day > sessions.previous_day
        and equity.statement_day <= sessions.trading_day
    left join {{ ref('stg_flex__equity_summary') }} as own
        on own.account_id = equity.account_id and own.report_date = equity.report_date
    group by sessions.account_id, sessions.trading_day
),

-- What positions are worth is in the equity summary; futures and the like are there by their gains alone.
of_positions as materialized (
    select
        worth.account_id,
        worth.trading_day,
        sum(abs(worth.of_rows - equity.asset_value)) as off,
        sum(worth.tolerance) as tolerance,
        bool_or(worth.has_others) as has_others
    from (
        select
            sessions.account_id,
            sessions.trading_day,
            positions.statement_day,
            sum(
                positions.quantity * positions.mark_price * positions.multiplier
                * coalesce(positions.fx_rate_to_base, rates.rate)
            ) as of_rows,
            0.02 + 0.00005 * sum(abs(positions.quantity * positions.multiplier)) as tolerance,
            bool_or(positions.asset_category not in ('STK', 'OPT', 'BOND', 'BILL', 'FUND')) as has_others
        from sessions
        inner join {{ ref('stg_flex__open_positions') }} as positions
            on positions.account_id = sessions.account_id
            and positions.statement_day > sessions.previous_day
            and positions.statement_day <= sessions.trading_day
            -- the rate of a holiday is on its rows alone
            and (
                positions.fx_rate_to_base is not null
                or positions.currency = sessions.base_currency
                or positions.statement_day = sessions.trading_day
            )
        left join rates
            on rates.account_id = sessions.account_id
            and rates.trading_day = sessions.trading_day
            and rates.currency = positions.currency
        group by sessions.account_id, sessions.trading_day, positions.statement_day
    ) as worth
    inner join {{ ref('stg_flex__equity_summary') }} as equity
        on equity.account_id = worth.account_id and equity.report_date = worth.statement_day
    group by worth.account_id, worth.trading_day
),

cash as materialized (
    select sessions.trading_day, sessions.previous_day, cash.*
    from sessions
    inner join {{ ref('stg_flex__cash_balances') }} as cash
        on cash.account_id = sessions.account_id
        and cash.to_date > sessions.previous_day
        and cash.to_date <= sessions.trading_day
        and cash.from_date > sessions.previous_day
),

of_cash as materialized (
    select
        cash.account_id,
        cash.trading_day,
        sum(cash.ending_cash * rates.rate) filter (where cash.to_date = cash.trading_day) as in_base,
        max(cash.ending_cash) filter (
            where cash.currency = 'BASE_SUMMARY' and cash.to_date = cash.trading_day
        ) as total,
        0.01 + coalesce(sum(abs(cash.ending_cash) * rates.last_digit), 0) as tolerance,
        bool_and(rates.rate is not null or cash.currency = 'BASE_SUMMARY' or cash.ending_cash = 0) as rates_are_known,
        sum(abs(cash.starting_cash - before.ending_cash)) as starts_off
    from cash
    left join rates using (account_id, trading_day, currency)
    left join lateral (
        select earlier.ending_cash
        from {{ ref('stg_flex__cash_balances') }} as earlier
        where earlier.account_id = cash.account_id
            and earlier.currency = cash.currency
            and earlier.to_date < cash.from_date
            and earlier.to_date >= cash.previous_day
        order by earlier.to_date desc
        limit 1
    ) as before on true
    group by cash.account_id, cash.trading_day
),

-- Of each day the least and the greatest are enough; they are found once, not for each session and currency.
stated_rates as materialized (
    select account_id, statement_day, currency, min(rate) as least, max(rate) as most
    from {{ ref('stg_flex__stated_rates') }}
    where statement_day > (select min(previous_day) from sessions)
        and statement_day <= (select max(trading_day) from sessions)
    group by account_id, statement_day, currency
),

of_rates as materialized (
    select
        sessions.account_id,
        sessions.trading_day,
        max(greatest(abs(stated.least / rates.rate - 1), abs(stated.most / rates.rate - 1))) as off
    from sessions
    inner join stated_rates as stated
        on stated.account_id = sessions.account_id
        and stated.statement_day > sessions.previous_day
        and stated.statement_day <= sessions.trading_day
    inner join rates
        on rates.account_id = sessions.account_id
        and rates.trading_day = sessions.trading_day
        and rates.currency = stated.currency
    group by sessions.account_id, sessions.trading_day
),

of_moves as materialized (
    select sessions.account_id, sessions.trading_day, max(abs(rates.rate / before.rate - 1)) as most
    from sessions
    inner join rates using (account_id, trading_day)
    inner join {{ source('accounting', 'day_rates') }} as before
        on before.account_id = sessions.account_id
        and before.session = sessions.previous_day
        and before.currency = rates.currency
    group by sessions.account_id, sessions.trading_day
),

-- The NAV of a holiday is in no figure of the session behind it, but for this.
of_nav as materialized (
    select account_id, trading_day, sum(abs(starting_value - ended_before)) as starts_off
    from (
        select
            sessions.account_id,
            sessions.trading_day,
            nav.starting_value,
            lag(nav.ending_value) over (
                partition by sessions.account_id, sessions.trading_day order by nav.to_date
            ) as ended_before
        from sessions
        inner join {{ ref('stg_flex__change_in_nav') }} as nav
            on nav.account_id = sessions.account_id
            and nav.from_date > sessions.previous_day
            and nav.to_date <= sessions.trading_day
            and nav.from_date = nav.to_date
    ) as statements
    group by account_id, trading_day
),

of_accruals as materialized (
    select
        sessions.account_id,
        sessions.trading_day,
        sum(accruals.accrued) as accrued,
        sum(accruals.fx_translation) as translation,
        sum(accruals.balances) as balances,
        max(accruals.ending_balance) filter (where accruals.to_date = sessions.trading_day) as ending_balance
    from sessions
    inner join {{ ref('stg_flex__interest_accruals') }} as accruals
        on accruals.account_id = sessions.account_id
        and accruals.to_date > sessions.previous_day
        and accruals.to_date <= sessions.trading_day
        and accruals.from_date > sessions.previous_day
    group by sessions.account_id, sessions.trading_day
),

of_transfers as materialized (
    select
        sessions.account_id,
        sessions.trading_day,
        sum(
            case
                when moved.quantity = 0 then abs(moved.price) + abs(moved.amount) + abs(moved.amount_in_base)
                else
                    abs(moved.cash)
                    + case
                        when moved.price <> 0 and moved.asset_category in ('STK', 'OPT')
                            then abs(moved.amount - moved.quantity * moved.price * moved.multiplier)
                        else 0
                    end
                    + coalesce(abs(moved.amount_in_base - moved.amount * moved.fx_rate_to_base), 0)
            end
        ) as off,
        0.01
        + sum(abs(moved.amount) * 0.5 * power(10::numeric, -scale(coalesce(moved.fx_rate_to_base, 1)))) as tolerance
    from sessions
    inner join {{ ref('stg_flex__transfers') }} as moved
        on moved.account_id = sessions.account_id
        and moved.statement_day > sessions.previous_day
        and moved.statement_day <= sessions.trading_day
    group by sessions.account_id, sessions.trading_day
)

select sessions.account_id, sessions.trading_day, equation.*
from sessions
left join of_rows using (account_id, trading_day)
left join of_totals using (account_id, trading_day)
left join of_base_totals using (account_id, trading_day)
left join of_options using (account_id, trading_day)
left join of_equity using (account_id, trading_day)
left join of_positions using (account_id, trading_day)
left join of_cash using (account_id, trading_day)
left join of_rates using (account_id, trading_day)
left join of_moves using (account_id, trading_day)
left join of_transfers using (account_id, trading_day)
left join of_accruals using (account_id, trading_day)
left join of_nav using (account_id, trading_day)
left join {{ ref('stg_flex__equity_summary') }} as equity
    on equity.account_id = sessions.account_id and equity.report_date = sessions.trading_day
left join {{ ref('stg_flex__equity_summary') }} as before
    on before.account_id = sessions.account_id and before.report_date = sessions.previous_day
cross join lateral (
    select
        exists (
            select from {{ source('raw_flex', 'coverage') }} as covered
            where covered.account_id = sessions.account_id
                and covered.day = sessions.trading_day
                and covered.section = 'corporate_actions'
        )
        and not exists (
            select from {{ ref('stg_flex__corporate_actions') }} as actions
            where actions.account_id = sessions.account_id
                and actions.report_date > sessions.previous_day
                and actions.report_date <= sessions.trading_day
        ) as are_none
) as actions
-- what the NAV statement says, where there is one
left join lateral (
    select sessions.interest_accruals, sessions.dividend_accruals, sessions.corporate_actions
    where sessions.nav_source = 'change_in_nav'
) as change on true
-- what is accrued by the summary, and the most that rates moved of it
cross join lateral (
    select
        equity.interest_accruals - before.interest_accruals as interest,
        equity.dividend_accruals - before.dividend_accruals as dividends,
        (abs(equity.interest_accruals) + abs(before.interest_accruals)) * coalesce(of_moves.most, 0)
            as interest_at_stake,
        (abs(equity.dividend_accruals) + abs(before.dividend_accruals)) * coalesce(of_moves.most, 0)
            as dividends_at_stake
) as moved
cross join lateral (
    values
        ('trades: proceeds = -quantity x price x multiplier', of_rows.proceeds_off, 0, of_rows.tolerance),
        ('trades: mark-to-market = closing value + proceeds', of_rows.mark_off, 0, of_rows.tolerance),
        ('trades: quantities of the rows = the broker''s totals', of_totals.quantity_off, 0, 0),
        ('trades: proceeds of the rows = the broker''s totals', of_totals.proceeds_off, 0, of_totals.tolerance),
        ('trades: commissions of the rows = the broker''s totals', of_totals.commission_off, 0, of_totals.tolerance),
        ('performance summaries: figures = of the trades', of_base_totals.trades_off, 0, of_base_totals.tolerance),
        ('cash transactions: rows = their sums in base currency', of_base_totals.cash_off, 0, of_base_totals.tolerance),
        ('options: strikes = those in their symbols', of_options.strikes_off, 0, 0),
        ('options: a contract has one multiplier', of_options.multipliers_off, 0, 0),
        ('equity summary: total = its parts', of_equity.parts_off, 0, of_equity.tolerance),
        ('equity summary: the day before = in its own statement', of_equity.repeated_off, 0, 0.01),
        ('equity summary: total = closing NAV', equity.total, sessions.closing_nav, 0.01),
        (
            'open positions: their worth = in the equity summary',
            case when not of_positions.has_others then of_positions.off end, 0, of_positions.tolerance
        ),
        ('NAV statement: a day starts as the day before ends', of_nav.starts_off, 0, 0.01),
        (
            'equity summary: accrued interest moves as in the NAV statement',
            -- the broker counts the translation of what is accrued apart, or not at all
            greatest(
                least(
                    abs(moved.interest - change.interest_accruals),
                    abs(moved.interest - change.interest_accruals - coalesce(of_accruals.translation, 0))
                )
                - case when of_accruals.translation is null then moved.interest_at_stake else 0 end,
                0
            ),
            0,
            0.005
        ),
        (
            'equity summary: accrued dividends move as in the NAV statement',
            change.dividend_accruals, moved.dividends, 0.005 + moved.dividends_at_stake
        ),
        (
            -- what bonds accrue is in the summary alone
            'accrued interest: balance at the end = in the equity summary',
            case when equity.bonds = 0 then of_accruals.ending_balance end, equity.interest_accruals, 0.01
        ),
        (
            'accrued interest: accrued + reversed = in the NAV statement',
            case when equity.bonds = 0 and before.bonds = 0 then of_accruals.accrued end,
            change.interest_accruals,
            0.005
        ),
        (
            -- the balances of currencies, which translate apart, are netted
            'accrued interest: FX translation at most its balances x the move of the rates',
            greatest(abs(of_accruals.translation) - of_accruals.balances * (of_moves.most + 0.0002), 0), 0, 0.5
        ),
        (
            'NAV statement: no proceeds of a corporate action without its row',
            case when actions.are_none then change.corporate_actions end, 0, 0.005
        ),
        (
            'cash report: cash = in the equity summary',
            coalesce(of_cash.total, case when of_cash.rates_are_known then of_cash.in_base end), equity.cash,
            case when of_cash.total is null then of_cash.tolerance else 0.01 end
        ),
        (
            'cash report: balances x rates = its total',
            case when of_cash.rates_are_known then of_cash.in_base end, of_cash.total, of_cash.tolerance
        ),
        ('cash report: cash at the start = at the end before', of_cash.starts_off, 0, 0.01),
        ('rates of the rows = the day''s rates, within 2 %', of_rates.off, 0, 0.02),
        ('no exchange rate moves more than 5 % in a session', of_moves.most, 0, 0.05),
        ('transfers: value = quantity x price, or cash', of_transfers.off, 0, of_transfers.tolerance)
) as equation (equation, left_side, right_side, tolerance)
where equation.left_side is not null and equation.right_side is not null and equation.tolerance is not null
