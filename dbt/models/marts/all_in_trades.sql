{{ config(indexes=[
    {'columns': ['account_id', 'trade_id'], 'unique': true},
    {'columns': ['account_id', 'trading_day']},
]) }}

select * from {{ ref('int_all_in_trades') }}
