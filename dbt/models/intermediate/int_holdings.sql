-- What the broker held of each contract at the closes around a session, by official day, as the official NAV marks it.
-- A statement's own count takes precedence, because it includes what was opened before the first statement; without one
-- the lots are summed.
with

sessions as (
    select *
    from {{ ref('stg_sessions') }}
    -- one session before the range: what is held at its close is carried into the first session
    where trading_day >= '{{ var("from_day") }}'::date - 10
        and trading_day <= least('{{ var("to_day") }}'::date, (select max(trading_day) from {{ ref('official_days') }}))
),

by_lots as (
    select
        lots.account_id,
        sessions.trading_day,
        lots.contract_id,
        lots.currency,
        max(lots.multiplier) as multiplier,
        sum(lots.sign * lots.quantity) as quantity
    from {{ ref('stg_lots') }} as lots
    -- what was held before the first statement has no fill that opened it
    left join {{ ref('stg_fills') }} as opening
        on opening.account_id = lots.account_id and opening.fill_id = lots.open_fill_id
    left join {{ ref('stg_fills') }} as closing
        on closing.account_id = lots.account_id and closing.fill_id = lots.close_fill_id
    inner join sessions
        on sessions.account_id = lots.account_id
        and sessions.trading_day >= coalesce(opening.official_day, lots.opened_day)
        and (closing.official_day is null or sessions.trading_day < closing.official_day)
    -- some sessions around the range: the trading day and the official day of a fill can lie days apart
    where lots.opened_day <= '{{ var("to_day") }}'::date + 10
        and (lots.closed_day is null or lots.closed_day >= '{{ var("from_day") }}'::date - 20)
    group by 1, 2, 3, 4
),

counted as (
    select positions.*
    from {{ ref('stg_flex__open_positions') }} as positions
    inner join sessions
        on sessions.account_id = positions.account_id and sessions.trading_day = positions.statement_day
    where positions.quantity is not null
),

held as (
    select
        account_id,
        trading_day,
        contract_id,
        currency,
        coalesce(by_lots.multiplier, counted.multiplier) as multiplier,
        coalesce(counted.quantity, by_lots.quantity) as quantity
    from by_lots
    full join (select *, statement_day as trading_day from counted) as counted
        using (account_id, trading_day, contract_id, currency)
)

select
    account_id,
    trading_day,
    contract_id,
    currency,
    max(multiplier) as multiplier,
    sum(carried) as quantity_carried,
    sum(at_close) as quantity_at_close
from (
    select account_id, trading_day, contract_id, currency, multiplier, 0 as carried, quantity as at_close from held

    union all

    select held.account_id, sessions.trading_day, held.contract_id, held.currency, held.multiplier, held.quantity, 0
    from held
    inner join sessions on sessions.account_id = held.account_id and sessions.previous_day = held.trading_day
) as closes
where {{ in_range('trading_day') }}
group by 1, 2, 3, 4
