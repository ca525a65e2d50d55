-- Cash of each currency at the close before a session: as the Cash Report that begins right after it says, else as the
-- last report before it and the rows since then give it. An account whose first NAV starts from zero begins with
-- nothing. Rows give a balance only where the statements of every session between have Trades and Cash Transactions.
with

official as (
    select official.account_id, official.trading_day, sessions.previous_day
    from {{ ref('official_days') }} as official
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    where {{ in_range('official.trading_day') }}
),

reported as (
    select distinct on (official.account_id, official.trading_day, cash.currency)
        official.account_id,
        official.trading_day,
        cash.currency,
        cash.starting_cash
    from official
    inner join {{ ref('stg_flex__cash_report') }} as cash
        on cash.account_id = official.account_id
        and cash.from_date > official.previous_day
        and cash.to_date <= official.trading_day
    order by official.account_id, official.trading_day, cash.currency, cash.to_date
),

unreported as (
    select * from official
    where not exists (
        select from reported
        where reported.account_id = official.account_id and reported.trading_day = official.trading_day
    )
),

known as (
    select cash.account_id, cash.to_date as day, cash.currency, cash.ending_cash as balance
    from {{ ref('stg_flex__cash_balances') }} as cash
    where cash.account_id in (select unreported.account_id from unreported)
        and cash.currency <> 'BASE_SUMMARY'
        and cash.ending_cash is not null

    union all

    select earliest.account_id, sessions.previous_day, earliest.base_currency, 0
    from (
        select distinct on (account_id) account_id, trading_day, opening_nav, base_currency
        from {{ ref('official_days') }}
        where account_id in (select unreported.account_id from unreported)
        order by account_id, trading_day
    ) as earliest
    inner join {{ ref('stg_sessions') }} as sessions using (account_id, trading_day)
    where earliest.opening_nav = 0
),

-- Per session since the first known balance: the last close at which balances are known, and how many sessions so far
-- lack a section.
closes as (
    select
        account_id,
        day,
        max(day) filter (where is_known) over (partition by account_id order by day) as known_day,
        sum(lacks) over (partition by account_id order by day) as lacking
    from (
        select
            since.account_id,
            sessions.trading_day as day,
            (
                select count(*) > 0 from known
                where known.account_id = since.account_id and known.day = sessions.trading_day
            ) as is_known,
            (
                select (count(*) < 2)::int from {{ source('raw_flex', 'coverage') }} as covered
                where covered.account_id = since.account_id and covered.day = sessions.trading_day
                    and covered.section in ('trades', 'cash_transactions')
            ) as lacks
        from (select account_id, min(day) as first_day from known group by account_id) as since
        inner join {{ ref('stg_sessions') }} as sessions
            on sessions.account_id = since.account_id
            and sessions.trading_day >= since.first_day
            and sessions.trading_day <= '{{ var("to_day") }}'::date
    ) as sessions_since
),

paid as (
    select account_id, day, currency, sum(amount) as amount
    from (
        select account_id, official_day as day, currency,
            commission + case when is_transfer or event_type = 'fx_conversion' then 0 else proceeds end as amount
        from {{ ref('stg_fills') }}

        union all

        select fills.account_id, fills.official_day, leg.currency, leg.amount
        from {{ ref('stg_fills') }} as fills
        cross join lateral (
            values (split_part(fills.symbol, '.', 1), fills.quantity), (fills.currency, fills.proceeds)
        ) as leg (currency, amount)
        where fills.event_type = 'fx_conversion'

        union all

        select account_id, trading_day, currency, amount from {{ ref('chronological_events') }}
        where fill_id is null and amount is not null
    ) as rows_of_cash
    where account_id in (select known.account_id from known) and day <= '{{ var("to_day") }}'::date
    group by account_id, day, currency
),

cumulated as (
    select
        account_id,
        closes.day,
        currency,
        sum(coalesce(moved.amount, 0)) over (partition by account_id, currency order by closes.day) as paid
    from closes
    inner join (
        select account_id, currency from known
        union
        select account_id, currency from paid
    ) as currencies using (account_id)
    left join paid as moved using (account_id, day, currency)
)

select account_id, trading_day, currency, starting_cash from reported

union all

select
    unreported.account_id,
    unreported.trading_day,
    at_close.currency,
    coalesce(known.balance, 0) + at_close.paid - at_known.paid
from unreported
inner join closes on closes.account_id = unreported.account_id and closes.day = unreported.previous_day
inner join closes as since
    on since.account_id = closes.account_id and since.day = closes.known_day and since.lacking = closes.lacking
inner join cumulated as at_close on at_close.account_id = closes.account_id and at_close.day = closes.day
inner join cumulated as at_known
    on at_known.account_id = since.account_id and at_known.day = since.day and at_known.currency = at_close.currency
left join known
    on known.account_id = since.account_id and known.day = since.day and known.currency = at_close.currency
