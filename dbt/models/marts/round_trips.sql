{{ config(indexes=[
    {'columns': ['account_id', 'round_trip_id'], 'unique': true},
    {'columns': ['account_id', 'trading_day']},
]) }}

select * from {{ ref('int_round_trips') }}
