{#- Whether a broker's category is an option's: one on a stock or an index, or one on a future. A warrant has a put/call
    too, and is none. The platform has the same rule in `model/contract.py`. -#}
{% macro is_option(asset_category) -%}
    {{ asset_category }} in ('OPT', 'FOP')
{%- endmacro %}
