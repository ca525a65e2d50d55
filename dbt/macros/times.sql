{#- Where in its session's story a moment lies; `session_day` is the session's date in New York. -#}
{% macro phase(moment, session_day, opens_at) -%}
    case
        when ({{ moment }} at time zone 'America/New_York')::date < {{ session_day }} then 'overnight'
        when {{ moment }} < {{ opens_at }} then 'pre_market'
        else 'intraday'
    end
{%- endmacro %}
