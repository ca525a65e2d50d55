{#- In every row these columns are not null, and those have one of these values. A model has one such test: each test is
    a query and a check in Dagster, which takes longer than to look at one more column. -#}
{% test rows_hold(model, never_null=[], one_of={}) %}
select * from (
    select
        case
        {%- for column in never_null %}
            when {{ column }} is null then '{{ column }} is null'
        {%- endfor %}
        {%- for column, values in one_of.items() %}
            when {{ column }} not in ('{{ values | join("', '") }}') then '{{ column }} is ' || {{ column }}
        {%- endfor %}
        end as mismatch,
        *
    from {{ model }}
) as looked_at
where mismatch is not null
{% endtest %}
