{{ config(
    meta={
        'dated_by': ['entry_date', 'exit_date'],
        'gone_where': 'not exists (select from alm_reporting.position_lots as lots'
            ~ ' where lots.account_id = stock_positions.account_id and lots.lot_id = stock_positions.lot_id)',
    },
    indexes=[
        {'columns': ['account_id', 'lot_id'], 'unique': true},
        {'columns': ['entry_date']},
        {'columns': ['exit_date']},
    ]) }}

-- Holdings in the underlying, by lot. Open lots are built in every run: a later fill may have closed them. A lot that
-- was matched again has another id, and its row goes.
select
    lots.account_id,
    lots.lot_id,
    lots.symbol,
    lots.direction,
    lots.quantity,
    lots.opened_day as entry_date,
    lots.opened_at as entry_timestamp,
    lots.opened_before as entry_before,
    lots.open_price as entry_price,
    lots.how_opened as origin,
    option_leg.description as origin_option,
    lots.closed_day as exit_date,
    lots.closed_at as exit_timestamp,
    lots.close_price as exit_price,
    lots.how_ended,
    lots.currency,
    lots.gross_pnl,
    lots.open_fee + coalesce(lots.close_fee, 0) as fees,
    lots.gross_pnl * lots.close_fx_rate as gross_pnl_in_base
from {{ ref('stg_lots') }} as lots
left join {{ ref('stg_fills') }} as option_leg
    on option_leg.account_id = lots.account_id
    and option_leg.fill_id = lots.origin_fill_id
    and lots.how_opened in ('assignment', 'exercise')
where not lots.is_option
    and (
        lots.closed_day is null
        or {{ in_range('lots.opened_day') }}
        or {{ in_range('lots.closed_day') }}
        {% if is_built() %}
            or not exists (
                select from {{ this }} as kept where kept.account_id = lots.account_id and kept.lot_id = lots.lot_id
            )
        {% endif %}
    )
