{#- The sessions that this run rebuilds, as a condition on a date. -#}
{% macro in_range(column) -%}
    {{ column }} between '{{ var("from_day") }}'::date and '{{ var("to_day") }}'::date
{%- endmacro %}

{#- Pre-hook of stock_positions: a lot that was matched anew has another id; what is no lot any more goes, wherever it
    lies. -#}
{% macro forget_orphaned_lots() -%}
    {%- if is_told_already() -%}
        delete from {{ this }} as told
        where not exists (
            select from {{ source("accounting", "position_lots") }} as lots
            where lots.account_id = told.account_id and lots.lot_id = told.lot_id
        )
    {%- endif -%}
{%- endmacro %}

{#- What a test reads: the sessions that the run told, so that a day's refresh reads a day. A model whose rows have no
    trading day says its own `where`. -#}
{% macro default__get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ config.get("where") or in_range("trading_day") }}) as dbt_subquery
{%- endmacro %}
