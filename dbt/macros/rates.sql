{#- Whether no statement gives a day's rate: it is the last known one or the configured one. -#}
{% macro is_stand_in(source) -%}
    {{ source }} in ('last_known', 'configured')
{%- endmacro %}

{#- The most that the rate of a pair (such as USD/HKD) can move between two closes at one of which it is not known, as a
    ratio. A pegged pair stays in its band; of every other currency two per cent are more than it moves in a day.
    `known_rate` is the rate at the close where it is known, else null. -#}
{% macro widest_move(pair, known_rate) -%}
    case
        when {{ pair }} = 'USD/HKD'
            then coalesce(greatest(7.85 - {{ known_rate }}, {{ known_rate }} - 7.75) / {{ known_rate }}, 0.1 / 7.75)
        when {{ pair }} = 'HKD/USD'
            then
                coalesce(
                    greatest(1 / 7.75 - {{ known_rate }}, {{ known_rate }} - 1 / 7.85) / {{ known_rate }}, 0.1 / 7.75
                )
        else 0.02
    end
{%- endmacro %}

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
