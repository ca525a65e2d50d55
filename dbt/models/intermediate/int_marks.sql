-- The closing price of a contract on an official day, where a statement gives one: an OpenPositions row, else the
-- closing price on the day's own rows, given or implied by their mark-to-market. Bookings of the night before carry the
-- previous day's price, rows of a holiday's statement that of the session before it: neither counts. One symbol may be
-- listed in several currencies: a price is that of one of them.
select
    account_id,
    official_day,
    contract_id,
    currency,
    max(symbol) as symbol,
    bool_or(is_underlying) as is_underlying,
    coalesce(max(mark_price) filter (where from_open_positions), max(mark_price)) as mark_price,
    bool_or(from_open_positions) as from_open_positions
from (
    select account_id, statement_day as official_day, contract_id, currency, symbol, is_underlying, mark_price,
        true as from_open_positions
    from {{ ref('stg_flex__open_positions') }}
    where statement_day >= '{{ var("from_day") }}'::date - 10 and statement_day <= '{{ var("to_day") }}'::date

    union all

    select account_id, official_day, contract_id, currency, symbol, not is_option,
        coalesce(close_price, (broker_mtm - proceeds) / nullif(quantity * multiplier, 0)), false
    from {{ ref('stg_fills') }}
    where not releases_mark
        and report_date = official_day
        and official_day >= '{{ var("from_day") }}'::date - 10 and official_day <= '{{ var("to_day") }}'::date
) as marks
where mark_price is not null
group by account_id, official_day, contract_id, currency
