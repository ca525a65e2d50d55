-- What exchange rates can have done to the NAV in a session, in base currency: `expected`, and `slack` around it. Where
-- the statements report every balance and rate, it is exact up to the digits of the rates; where they do not, it is
-- the rows' own part, and the slack is the most that the rates' own move makes of everything the account has. So a
-- loss that no rate explains is never called FX translation.
with

official as (
    select * from {{ ref('official_days') }} where {{ in_range('trading_day') }}
),

-- Cash per currency at the previous close, by the report that begins right after it.
reported as (
    select distinct on (official.account_id, official.trading_day, cash.currency)
        official.account_id,
        official.trading_day,
        cash.currency,
        cash.starting_cash
    from official
    inner join {{ ref('stg_sessions') }} as sessions using (trading_day)
    inner join {{ ref('stg_flex__cash_report') }} as cash
        on cash.account_id = official.account_id
        and cash.from_date > sessions.previous_day
        and cash.to_date <= official.trading_day
    order by official.account_id, official.trading_day, cash.currency, cash.to_date
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
        0 as amount, 0 as in_base, 0 as marked, null::numeric as row_rate, false as may_be_held
    from reported

    union all

    select
        account_id, trading_day, currency, 0, coalesce(opening_value, 0), opening_value is null, 0, 0, 0, null, false
    from {{ ref('int_contract_days') }}
    where {{ in_range('trading_day') }}

    union all

    select
        account_id, official_day, currency, 0, 0, false, commission - case when is_transfer then proceeds else 0 end,
        (commission - case when is_transfer then proceeds else 0 end) * fx_rate_to_base,
        abs(coalesce(broker_mtm, proceeds)), fx_rate_to_base, false
    from {{ ref('stg_fills') }}
    where {{ in_range('official_day') }}

    union all

    select account_id, trading_day, currency, 0, 0, false, amount, amount * fx_rate_to_base, 0, fx_rate_to_base,
        false
    from {{ ref('chronological_events') }}
    where fill_id is null and amount is not null and {{ in_range('trading_day') }}

    union all

    -- a conversion gains what its two sides are worth at the day's rates: nothing of it is in another component
    select fills.account_id, fills.official_day, leg.currency, 0, 0, false, leg.amount, 0, 0, null, false
    from {{ ref('stg_fills') }} as fills
    cross join lateral (
        values (split_part(fills.symbol, '.', 1), fills.quantity), (fills.currency, fills.proceeds)
    ) as leg (currency, amount)
    where fills.event_type = 'fx_conversion' and {{ in_range('fills.official_day') }}

    union all

    -- without balances, cash that was held once may still be held, though no row of the day reports it
    select account_id, trading_day, currency, 0, 0, false, 0, 0, 0, null, true
    from known_before
    where not exists (
        select from reported
        where reported.account_id = known_before.account_id and reported.trading_day = known_before.trading_day
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
        sum(in_base) as in_base,
        sum(abs(amount)) as turned,
        sum(marked) as marked,
        bool_or(may_be_held) as may_be_held,
        min(row_rate) as lowest,
        max(row_rate) as highest
    from moves
    group by account_id, trading_day, currency
),

rated as (
    select
        by_currency.*,
        official.base_currency,
        case when by_currency.currency = official.base_currency then 1 else today.rate end as rate,
        case when by_currency.currency = official.base_currency then 1 else before.rate end as rate_before,
        known.rate as any_rate,
        by_currency.currency = official.base_currency
        or coalesce(today.source <> 'configured' and before.source <> 'configured', false) as rates_are_known,
        -- the broker's rates have at least four places, and more behind them
        power(10::numeric, -greatest(scale(known.rate), 4))::numeric as last_digit
    from by_currency
    inner join official
        on official.account_id = by_currency.account_id and official.trading_day = by_currency.trading_day
    inner join {{ ref('stg_sessions') }} as sessions on sessions.trading_day = by_currency.trading_day
    left join {{ source('accounting', 'day_rates') }} as today
        on today.account_id = by_currency.account_id
        and today.session = by_currency.trading_day
        and today.currency = by_currency.currency
    left join {{ source('accounting', 'day_rates') }} as before
        on before.account_id = by_currency.account_id
        and before.session = sessions.previous_day
        and before.currency = by_currency.currency
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
        -- a currency that neither was held nor moves needs no rate
        bool_and(rates_are_known or cash = 0 and turned = 0) as rates_of_cash_are_known,
        bool_and(rates_are_known or not may_be_held) as rates_of_what_may_be_held_are_known,
        bool_and(rates_are_known or positions = 0 and not position_is_unknown) as rates_of_positions_are_known,
        sum(amount * coalesce(any_rate, rate) - in_base) as of_rows,
        sum(cash * (rate - rate_before)) as of_cash,
        sum(positions * (rate - rate_before)) as of_positions,
        -- the broker marks a row at the row's own rate or at the day's: where they differ, either is right
        sum(
            (abs(cash + positions) + turned) * last_digit
            + marked * greatest(abs(highest - any_rate), abs(any_rate - lowest), 0)
        ) filter (where currency <> base_currency) as digits,
        sum((abs(positions) + turned) * coalesce(any_rate, rate, 0)) as exposure,
        max(
            greatest(
                abs(rate / rate_before - 1), abs(highest / rate_before - 1), abs(lowest / rate_before - 1)
            ) + 2 * last_digit / any_rate
        ) filter (where currency <> base_currency) as move
    from rated
    group by account_id, trading_day
),

with_balances as (
    select distinct account_id, trading_day from reported
)

select
    official.account_id,
    official.trading_day,
    coalesce(summed.has_other_currencies, false)
    or exists (
        select from known_before
        where known_before.account_id = official.account_id and known_before.trading_day = official.trading_day
    ) as has_other_currencies,
    with_balances.account_id is not null and coalesce(summed.rates_of_cash_are_known, true) as cash_is_known,
    not coalesce(summed.position_is_unknown, false)
    and coalesce(summed.rates_of_positions_are_known, true) as positions_are_known,
    coalesce(summed.of_rows, 0) as of_rows,
    coalesce(summed.of_cash, 0) as of_cash,
    coalesce(summed.of_positions, 0) as of_positions,
    coalesce(summed.digits, 0) as digits,
    -- where a rate is not known, two per cent are more than a currency of an account's base moves in a day
    (abs(official.opening_nav) + greatest(coalesce(summed.exposure, 0), abs(coalesce(official.opening_asset_value, 0))))
    * case
        when
            summed.rates_of_cash_are_known
            and summed.rates_of_positions_are_known
            and summed.rates_of_what_may_be_held_are_known
            then coalesce(summed.move, 0)
        else 0.02
    end as most
from official
left join summed using (account_id, trading_day)
left join with_balances using (account_id, trading_day)
