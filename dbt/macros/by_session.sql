{#- How a mart is kept: a session in the run's range is told anew from nothing, in one transaction, so that no row of it
    outlives its source. The platform names in `as_built` the tables that these files have made, and their columns are
    the model's. -#}
{% materialization by_session, adapter="postgres" %}
    {%- set target = this.incorporate(type="table") -%}
    {%- if should_full_refresh() and load_cached_relation(this) -%}
        {%- do adapter.drop_relation(load_cached_relation(this)) -%}
    {%- endif -%}
    {%- set is_there = is_told_already() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if is_there and model.name not in var("as_built") -%}
        {%- do refuse_other_columns(target, sql) -%}
    {%- endif -%}
    {%- call statement("main") -%}
        {%- if is_there -%}
            {{ forget_range() }};
            insert into {{ target }} {{ sql }}
        {%- else -%}
            {{ get_create_table_as_sql(False, target, sql) }}
        {%- endif -%}
    {%- endcall -%}
    {%- if not is_there -%}
        {%- do create_indexes(target) -%}
        {#- Without statistics the next model would be planned as if the table were empty. -#}
        {%- do run_query("analyze " ~ target) -%}
    {%- endif -%}
    {%- if model.name not in var("as_built") -%}
        {%- do run_query("comment on table " ~ target ~ " is '" ~ var("sources") ~ "'") -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{#- Whether the model's table is there, with what earlier runs told. -#}
{% macro is_told_already() -%}
    {{ return(execute and load_cached_relation(this) is not none) }}
{%- endmacro %}

{% macro refuse_other_columns(target, sql) -%}
    {%- set here, told = adapter.get_columns_in_relation(target), get_column_schema_from_query(sql) -%}
    {%- if here | map(attribute="name") | list != told | map(attribute="name") | list -%}
        {%- do exceptions.raise_compiler_error(
            "the table " ~ target ~ " has other columns than its model: drop it, and it is made anew"
        ) -%}
    {%- endif -%}
{%- endmacro %}

{#- What the run is about to tell again is forgotten first. A model whose rows have no trading day names the dates that
    stand for it in `meta: {told_by: [...]}`; a date still open (null) is told every time. -#}
{% macro forget_range() -%}
    delete from {{ this }} where
    {%- for column in model.config.meta.get("told_by", ["trading_day"]) %}
        {{ "or" if not loop.first }} {{ in_range(column) }} or {{ column }} is null
    {%- endfor -%}
{%- endmacro %}
