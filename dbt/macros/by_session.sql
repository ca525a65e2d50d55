{#- How a mart is kept: a session in the run's range is told anew from nothing, in one transaction, so that no row of it
    outlives its source. The platform names in `as_built` the tables that these files have made. Another one is told
    wholly, for it sees to it that the range is all that was ever told; one with other columns is made anew. -#}
{% materialization by_session, adapter="postgres" %}
    {%- set target = this.incorporate(type="table") -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_kept = is_told_already() or (existing and not should_full_refresh() and has_the_columns_of(target, sql)) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing and not is_kept -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement("main") -%}
        {%- if is_kept -%}
            {{ forget_range() }};
            insert into {{ target }} {{ sql }}
        {%- else -%}
            {{ get_create_table_as_sql(False, target, sql) }}
        {%- endif -%}
    {%- endcall -%}
    {%- if not is_kept -%}
        {%- do create_indexes(target) -%}
    {%- endif -%}
    {%- if not is_told_already() -%}
        {#- Without statistics the next model would be planned as if the table were empty. -#}
        {%- do run_query("analyze " ~ target) -%}
        {%- do run_query("comment on table " ~ target ~ " is '" ~ var("sources") ~ "'") -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{#- Whether the model's table holds what these files told of other sessions. -#}
{% macro is_told_already() -%}
    {{ return(execute and model.name in var("as_built") and not should_full_refresh()) }}
{%- endmacro %}

{% macro has_the_columns_of(target, sql) -%}
    {%- set here, told = adapter.get_columns_in_relation(target), get_column_schema_from_query(sql) -%}
    {{ return(here | map(attribute="name") | list == told | map(attribute="name") | list) }}
{%- endmacro %}

{#- What the run is about to tell again is forgotten first. A model whose rows have no trading day names the dates that
    stand for it in `meta: {told_by: [...]}`; a date still open (null) is told every time. -#}
{% macro forget_range() -%}
    delete from {{ this }} where
    {%- for column in model.config.meta.get("told_by", ["trading_day"]) %}
        {{ "or" if not loop.first }} {{ in_range(column) }} or {{ column }} is null
    {%- endfor -%}
{%- endmacro %}
