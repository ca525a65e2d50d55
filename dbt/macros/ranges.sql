{#- The sessions that this run rebuilds, of the accounts that it is for, as a condition on a date. The account is that
    of the same relation; of an aggregate no account is asked. -#}
{% macro in_range(column) -%}
    ({{ column }} between '{{ var("from_day") }}'::date and '{{ var("to_day") }}'::date
    {%- if "(" not in column %} and {{ among(column.split(".")[:-1] | map("string") | join(".")) }}{% endif -%}
    )
{%- endmacro %}

{#- Whether a row is of one of the accounts that this run is for: an array, or all of them. `of` is the relation's
    alias; the planner decides the first half before it reads a row. -#}
{% macro among(of="") -%}
    ('{{ var("accounts") }}' = '{*}' or {{ of ~ "." if of else "" }}account_id = any('{{ var("accounts") }}'::text[]))
{%- endmacro %}

{#- What a test reads: the sessions of the run, so that the refresh of a day reads a day. A model whose rows have no
    trading day has a `where` of its own. -#}
{% macro default__get_where_subquery(relation) -%}
    (select * from {{ relation }} where {{ config.get("where") or in_range("trading_day") }}) as dbt_subquery
{%- endmacro %}
