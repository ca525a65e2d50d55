{{ config(indexes=[{'columns': ['account_id', 'trading_day'], 'unique': true}]) }}

-- Per account and session what the risk at the close is measured against, and a digest of all that it is computed from:
-- where it differs from the digest that the risk was computed from, the risk is computed again.
with

days as (
    select
        official.account_id,
        official.trading_day,
        official.base_currency,
        official.closing_nav as nav,
        case
            when official.base_currency = 'USD' then 1
            else {{ rate_known('official.account_id', "'USD'", 'official.trading_day') }}
        end as usd_rate
    from {{ ref('official_days') }} as official
    where {{ in_range('official.trading_day') }}
),

positions as (
    select
        account_id,
        trading_day,
        string_agg(
            concat_ws(
                ' ', contract_id, symbol, asset_category, underlying_symbol, trim_scale(strike), expiry, put_call,
                trim_scale(multiplier), currency, trim_scale(quantity), is_traded,
                coalesce(trim_scale(mark_price)::text, '-'), coalesce(mark_source, '-'),
                coalesce(trim_scale(underlying_price)::text, '-'), coalesce(trim_scale(rate_to_base)::text, '-'),
                coalesce(is_comparable::text, '-')
            ), e'\n' order by contract_id
        ) as listed
    from {{ ref('closing_positions') }}
    where {{ in_range('trading_day') }}
    group by 1, 2
),

-- What is known at the close of dividends to come.
dividends as (
    select
        days.account_id,
        days.trading_day,
        string_agg(
            concat_ws(' ', known.symbol, known.known_on, known.ex_date, trim_scale(known.gross_rate)), e'\n'
            order by known.symbol, known.known_on, known.ex_date, known.gross_rate
        ) as listed
    from days
    inner join {{ ref('stg_flex__dividend_accruals') }} as known
        on known.account_id = days.account_id
        and known.known_on <= days.trading_day
        and known.ex_date > days.trading_day
    group by 1, 2
)

select
    days.*,
    md5(
        concat_ws(
            e'\n', base_currency, trim_scale(nav), coalesce(trim_scale(usd_rate)::text, '-'), positions.listed,
            dividends.listed
        )
    ) as inputs
from days
left join positions using (account_id, trading_day)
left join dividends using (account_id, trading_day)
