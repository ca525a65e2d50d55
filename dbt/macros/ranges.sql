{#- The sessions that this run rebuilds, as a condition on a date. -#}
{% macro in_range(column) -%}
    {{ column }} between '{{ var("from_day") }}'::date and '{{ var("to_day") }}'::date
{%- endmacro %}

{#- Pre-hook of stock_positions: deletes the rows of lots that no longer exist, in every session. A lot that was matched
    again has another id. -#}
{% macro delete_orphaned_lots() -%}
    {%- if is_built() -%}
        delete from {{ this }} as kept
        where not exists (
            select from {{ source("accounting", "position_lots") }} as lots
            where lots.account_id = kept.account_id and lots.lot_id = kept.lot_id
        )
    {%- endif -%}
{%- endmacro %}

{#- What a test reads: the sessions of the run, so that the refresh of a day reads a day. A model whose rows have no
    trading day has a `where` of its own. -#}
{% macro default__get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ config.get("where") or in_range("trading_day") }}) as dbt_subquery
{%- endmacro %}
