{#- The sessions that this run rebuilds, as a condition on a date. -#}
{% macro in_range(column) -%}
    {{ column }} between '{{ var("from_day") }}'::date and '{{ var("to_day") }}'::date
{%- endmacro %}

{#- What a test reads: the sessions of the run, so that the refresh of a day reads a day. A model whose rows have no
    trading day has a `where` of its own. -#}
{% macro default__get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ config.get("where") or in_range("trading_day") }}) as dbt_subquery
{%- endmacro %}
