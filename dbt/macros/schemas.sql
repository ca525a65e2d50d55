{#- A model's schema is the one that it names, without the profile's as a prefix: people query alm_reporting. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
