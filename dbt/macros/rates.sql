{#- The rate of a currency into an account's base currency that is known on a session, its own or the last before; null
    where none is. -#}
{% macro rate_known(account_id, currency, session) -%}
    (
        select rates.rate
        from {{ source('accounting', 'day_rates') }} as rates
        where rates.account_id = {{ account_id }} and rates.currency = {{ currency }} and rates.session <= {{ session }}
        order by rates.session desc
        limit 1
    )
{%- endmacro %}
