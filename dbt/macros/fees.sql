{#- The flat fee of a withdrawal in an account's base currency, by the settings; null where they give none. -#}
{% macro withdrawal_fee(base_currency) -%}
    ('{{ var("withdrawal_fees") | tojson }}'::jsonb ->> {{ base_currency }})::numeric
{%- endmacro %}
