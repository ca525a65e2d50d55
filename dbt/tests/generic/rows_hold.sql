{#- Every row has these columns, and of those one of these values. One test to a model: each is a query and, in Dagster, a
    check of its own, which takes longer than to look at one column more. -#}
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
        end as amiss,
        *
    from {{ model }}
) as looked_at
where amiss is not null
{% endtest %}
