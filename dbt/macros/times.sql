{#- The phase of its session in which a moment lies; `session_day` is the session's date in New York. The platform has
    the same rule in `model/session.py`; a test compares the two. -#}
{% macro phase(moment, session_day, opens_at) -%}
    case
        when ({{ moment }} at time zone 'America/New_York')::date < {{ session_day }} then 'overnight'
        when {{ moment }} < {{ opens_at }} then 'pre_market'
        else 'intraday'
    end
{%- endmacro %}

{#- The calendar day of a moment in New York. -#}
{% macro new_york_date(moment) -%}
    ({{ moment }} at time zone 'America/New_York')::date
{%- endmacro %}
