-- Every exchange rate that a row states, with the day that it is of.
{% for table in ('trades', 'cash_transactions', 'corporate_actions', 'transfers', 'open_positions') %}
select account_id, row_date as statement_day, currency, fx_rate_to_base as rate
from {{ source('raw_flex', table) }}
where withdrawn_at is null and fx_rate_to_base is not null and currency ~ '^[A-Z0-9.]{1,20}$'

union all

{% endfor %}
select account_id, row_date as statement_day, from_currency as currency, rate
from {{ source('raw_flex', 'conversion_rates') }} as stated
where withdrawn_at is null and rate is not null
    -- a rate to another currency than the account's base is no rate of the day
    and to_currency = (
        select max(nav.currency) from {{ source('raw_flex', 'change_in_nav') }} as nav
        where nav.account_id = stated.account_id and nav.row_date = stated.row_date and nav.withdrawn_at is null
    )
