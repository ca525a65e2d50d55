-- What exchange rates did to the NAV in a session, in base currency: balances x the move of the rates, exact up to the
-- digits of the rates. The balances of cash are those of the Cash Report, or what rows make of an earlier one; without
-- both, what the Equity Summary says of cash beyond the movements of the rows is the translation of cash, as far as the
-- rates can have made it. Where neither is there, only the rows' own part is computed, and `most` is the most that
-- the rates' known move makes of everything the account has. So a loss that no rate explains is never called FX
-- translation.
with

official as (
    select * from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

balances as (
    select * from {{ ref('int_cash_balances') }}
),

known_before as (
    select official.account_id, official.trading_day, rates.currency
    from official
    inner join (
        select account_id, currency, min(session) as since
        from {{ source('accounting', 'day_rates') }}
        where currency <> base_currency
        group by account_id, currency
    ) as rates on rates.account_id = official.account_id and rates.since <= official.trading_day
),

-- What is held at the previous close, and what moves at the rate of its own row instead of the day's.
moves as (
    select
        account_id, trading_day, currency, starting_cash as cash, 0 as positions, false as position_is_unknown,
        0 as amount, 0 as converted, 0 as in_base, 0 as marked, null::numeric as row_rate, false as may_be_held,
        0 as paid
    from balances

    union all

    select
        account_id, trading_day, currency, 0, coalesce(opening_value, 0), opening_value is null,
        0, 0, 0, 0, null, false, 0
    from {{ ref('int_contract_days') }}
    where {{ in_range('trading_day') }}

    union all

    select
        account_id, official_day, currency, 0, 0, false, commission - case when is_transfer then proceeds else 0 end,
        0, (commission - case when is_transfer then proceeds else 0 end) * fx_rate_to_base,
        abs(coalesce(broker_mtm, proceeds)), fx_rate_to_base, false,
        commission + case when event_type = 'fx_conversion' then 0 else proceeds end
    from {{ ref('stg_fills') }}
    where {{ in_range('official_day') }}

    union all

    select account_id, trading_day, currency, 0, 0, false, amount, 0, amount * fx_rate_to_base, 0, fx_rate_to_base,
        false, amount as paid
    from {{ ref('chronological_events') }}
    where fill_id is null and amount is not null and {{ in_range('trading_day') }}

    union all

    -- a conversion gains what its two sides are worth at the day's rates: nothing of it is in another component
    select fills.account_id, fills.official_day, leg.currency, 0, 0, false, 0, leg.amount, 0, 0, null, false,
        leg.amount as paid
    from {{ ref('stg_fills') }} as fills
    cross join lateral (
        values (split_part(fills.symbol, '.', 1), fills.quantity), (fills.currency, fills.proceeds)
    ) as leg (currency, amount)
    where fills.event_type = 'fx_conversion' and {{ in_range('fills.official_day') }}

    union all

    -- without balances, cash that was held once may still be held, though no row of the day reports it
    select account_id, trading_day, currency, 0, 0, false, 0, 0, 0, 0, null, true, 0
    from known_before
    where not exists (
        select from balances
        where balances.account_id = known_before.account_id and balances.trading_day = known_before.trading_day
    )
),

by_currency as (
    select
        account_id,
        trading_day,
        currency,
        sum(cash) as cash,
        sum(positions) as positions,
        bool_or(position_is_unknown) as position_is_unknown,
        sum(amount) as amount,
        sum(converted) as converted,
        sum(in_base) as in_base,
        sum(abs(amount) + abs(converted)) as turned,
        sum(marked) as marked,
        bool_or(may_be_held) as may_be_held,
        sum(paid) as paid,
        sum(abs(paid)) as paid_size,
        min(row_rate) as lowest,
        max(row_rate) as highest
    from moves
    group by account_id, trading_day, currency
),

-- A full join, of which only what is in both is kept: of an inner join the planner expects one row, and compares each
-- with each, which takes the square of the number of accounts.
official_by_currency as materialized (
    select by_currency.*, official.base_currency
    from by_currency
    full join official
        on official.account_id = by_currency.account_id and official.trading_day = by_currency.trading_day
    where num_nulls(by_currency.account_id, official.account_id) = 0
),

rated as (
    select
        by_currency.*,
        case when by_currency.currency = by_currency.base_currency then 1 else today.rate end as rate,
        case when by_currency.currency = by_currency.base_currency then 1 else before.rate end as rate_before,
        known.rate as any_rate,
        by_currency.currency = by_currency.base_currency or status.today_is_known as rate_is_known,
        by_currency.currency = by_currency.base_currency
        or status.today_is_known and status.before_is_known as rates_are_known,
        {{ widest_move("by_currency.currency || '/' || by_currency.base_currency", 'status.known_rate') }}
            as widest_move,
        -- the broker's rates have at least four places, and more behind them
        power(10::numeric, -greatest(scale(known.rate), 4))::numeric as last_digit
    from official_by_currency as by_currency
    inner join {{ ref('stg_sessions') }} as sessions
        on sessions.account_id = by_currency.account_id and sessions.trading_day = by_currency.trading_day
    left join {{ source('accounting', 'day_rates') }} as today
        on today.account_id = by_currency.account_id
        and today.session = by_currency.trading_day
        and today.currency = by_currency.currency
    left join {{ source('accounting', 'day_rates') }} as before
        on before.account_id = by_currency.account_id
        and before.session = sessions.previous_day
        and before.currency = by_currency.currency
    cross join lateral (
        select
            coalesce(not {{ is_stand_in('today.source') }}, false) as today_is_known,
            coalesce(not {{ is_stand_in('before.source') }}, false) as before_is_known,
            case
                when not {{ is_stand_in('before.source') }} then before.rate
                when not {{ is_stand_in('today.source') }} then today.rate
            end as known_rate
    ) as status
    cross join lateral (
        select {{ rate_known('by_currency.account_id', 'by_currency.currency', 'by_currency.trading_day') }} as rate
    ) as known
),

summed as (
    select
        account_id,
        trading_day,
        bool_or(currency <> base_currency) as has_other_currencies,
        bool_or(position_is_unknown) as position_is_unknown,
        -- what was not held needs no rate of the close before, and what does not move, either, none of the day
        bool_and(rates_are_known or cash = 0 and (turned = 0 or rate_is_known)) as rates_of_cash_are_known,
        bool_and(rate_is_known or paid_size = 0) as rates_of_payments_are_known,
        sum(paid * rate) as paid,
        sum(paid_size * last_digit) filter (where currency <> base_currency) as digits_of_payments,
        bool_and(rates_are_known or positions = 0 and not position_is_unknown) as rates_of_positions_are_known,
        -- one side of a conversion alone is no gain
        sum(amount * coalesce(any_rate, rate) - in_base)
        + case
            when bool_and(converted = 0 or coalesce(any_rate, rate) is not null)
                then coalesce(sum(converted * coalesce(any_rate, rate)), 0)
            else 0
        end as of_rows,
        sum(cash * (rate - rate_before)) as of_cash,
        sum(positions * (rate - rate_before)) as of_positions,
        -- the broker marks a row at the row's own rate or at the day's: where they differ, either is right
        sum(
            (abs(cash + positions) + turned) * last_digit
            + marked * greatest(abs(highest - any_rate), abs(any_rate - lowest), 0)
        ) filter (where currency <> base_currency) as digits,
        sum((abs(positions) + turned) * coalesce(any_rate, rate, 0)) as exposure,
        max(
            case
                when currency = base_currency then 0
                when rates_are_known
                    then
                        greatest(
                            abs(rate / rate_before - 1), abs(highest / rate_before - 1), abs(lowest / rate_before - 1)
                        ) + 2 * last_digit / any_rate
                -- a currency that neither is held nor moves needs no rate
                when cash = 0 and turned = 0 and positions = 0 and not position_is_unknown and not may_be_held then 0
                else widest_move
            end
        ) as move
    from rated
    group by account_id, trading_day
),

with_balances as (
    select distinct account_id, trading_day from balances
),

-- The change of all cash by the Equity Summary, where its totals are the official NAVs and nothing is left over, which
-- would be in the cash, too. A corporate action or a transfer moves positions at a value that is not paid: its day is
-- left out.
change_of_cash as (
    select official.account_id, official.trading_day, today.cash - before.cash as amount
    from official
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    inner join {{ ref('stg_flex__equity_summary') }} as today
        on today.account_id = official.account_id and today.report_date = official.trading_day
    inner join {{ ref('stg_flex__equity_summary') }} as before
        on before.account_id = official.account_id and before.report_date = sessions.previous_day
    where abs(today.total - official.closing_nav) <= 0.01
        and abs(before.total - official.opening_nav) <= 0.01
        and abs(official.broker_residual) <= 0.000001
        and not exists (
            select from {{ ref('stg_fills') }} as booked
            where booked.account_id = official.account_id and booked.official_day = official.trading_day
                and (booked.is_action or booked.is_transfer)
        )
),

bounded as (
    select
        official.account_id,
        official.trading_day,
        (
            abs(official.opening_nav)
            + greatest(coalesce(summed.exposure, 0), abs(coalesce(official.opening_asset_value, 0)))
        ) * coalesce(summed.move, 0) as most,
        case when summed.rates_of_payments_are_known then change_of_cash.amount - summed.paid end as of_all_cash
    from official
    left join summed using (account_id, trading_day)
    left join change_of_cash using (account_id, trading_day)
)

select
    official.account_id,
    official.trading_day,
    coalesce(summed.has_other_currencies, false)
    or exists (
        select from known_before
        where known_before.account_id = official.account_id and known_before.trading_day = official.trading_day
    ) as has_other_currencies,
    cash.is_known or bounded.of_all_cash is not null as cash_is_known,
    not coalesce(summed.position_is_unknown, false)
    and coalesce(summed.rates_of_positions_are_known, true) as positions_are_known,
    coalesce(summed.of_rows, 0) as of_rows,
    case
        when cash.is_known then coalesce(summed.of_cash, 0)
        -- what the rows paid at other rates than the day's is in `of_rows`
        else least(greatest(coalesce(bounded.of_all_cash, 0), -bounded.most), bounded.most)
    end as of_cash,
    coalesce(summed.of_positions, 0) as of_positions,
    coalesce(summed.digits, 0)
    + case when cash.is_known then 0 else coalesce(summed.digits_of_payments, 0) end as digits,
    bounded.most
from official
inner join bounded using (account_id, trading_day)
left join summed using (account_id, trading_day)
left join with_balances using (account_id, trading_day)
cross join lateral (
    select with_balances.account_id is not null and coalesce(summed.rates_of_cash_are_known, true) as is_known
) as cash
