{#- The phase of its session in which a moment lies; `session_day` is the session's date in `zone`. The platform has the
    same rule in `model/session.py`; a test compares the two. -#}
{% macro phase(moment, session_day, opens_at, zone) -%}
    case
        when {{ local_date(moment, zone) }} < {{ session_day }} then 'overnight'
        when {{ moment }} < {{ opens_at }} then 'pre_market'
        else 'intraday'
    end
{%- endmacro %}

{#- The calendar day of a moment in a zone. -#}
{% macro local_date(moment, zone) -%}
    ({{ moment }} at time zone {{ zone }})::date
{%- endmacro %}
