{#- How a mart is kept: a run deletes the rows of its sessions and builds them again, in one transaction, so that no row
    outlives its source. `as_built` names the tables that these files have built. Every other table is built again as a
    whole: the platform then runs all sessions that were ever built. A table with other columns is created again. -#}
{% materialization by_session, adapter="postgres" %}
    {%- set target = this.incorporate(type="table") -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set is_kept = is_built() or (existing and not should_full_refresh() and has_the_columns_of(target, sql)) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if existing and not is_kept -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- call statement("main") -%}
        {%- if is_kept -%}
            {{ delete_range() }};
            insert into {{ target }} select * from ({{ sql }}) as built where {{ among() }}
        {%- else -%}
            {{ get_create_table_as_sql(False, target, sql) }}
        {%- endif -%}
    {%- endcall -%}
    {%- if not is_kept -%}
        {%- do create_indexes(target) -%}
    {%- endif -%}
    {%- if not is_built() -%}
        {#- Without statistics the next model would be planned as if the table were empty. -#}
        {%- do run_query("analyze " ~ target) -%}
        {%- do run_query("comment on table " ~ target ~ " is '" ~ var("sources") ~ "'") -%}
    {%- endif -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({"relations": [target]}) }}
{% endmaterialization %}

{#- Whether the model's table holds other sessions, as these files build them. -#}
{% macro is_built() -%}
    {{ return(execute and model.name in var("as_built") and not should_full_refresh()) }}
{%- endmacro %}

{% macro has_the_columns_of(target, sql) -%}
    {%- set there, built = adapter.get_columns_in_relation(target), get_column_schema_from_query(sql) -%}
    {{ return(there | map(attribute="name") | list == built | map(attribute="name") | list) }}
{%- endmacro %}

{#- Deletes the rows that the run builds again. A model whose rows have no trading day names its date columns in
    `meta: {dated_by: [...]}`; rows whose date is still open (null) are built in every run. `gone_where` says which other
    rows are deleted in every session. The platform has the same rule in `adapters/dbt/compiled.py`. -#}
{% macro delete_range() -%}
    delete from {{ this }} where {{ among() }} and (
    {%- for column in model.config.meta.get("dated_by", ["trading_day"]) %}
        {{ "or" if not loop.first }} {{ in_range(column) }} or {{ column }} is null
    {%- endfor -%}
    {%- if "gone_where" in model.config.meta %} or {{ model.config.meta["gone_where"] }} {%- endif -%}
    )
{%- endmacro %}
