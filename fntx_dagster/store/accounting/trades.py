"""Reading the trades of the statements, and their rows about exercises, for the rebuild of fills and lots.

Here belongs what `raw_flex.trades` and `raw_flex.option_eae` hold, and since when the fills do not agree with it; what
a trade means is in `accounting/classification.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import LiteralString

import psycopg

from fntx_dagster.accounting.classification import DELIVERY_WORDS, OPTION_WORDS
from fntx_dagster.accounting.trade_rows import Cancellations, ExerciseRow, TradeRow
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.store.queries import columns, one_value

LIVE_TRADE = "t.account_id = %(account)s and t.row_kind = 'Trade' and t.withdrawn_at is null"
"""The condition for a trade, `t`, that no newer statement withdrew."""


def trades_after(
    connection: psycopg.Connection, account: str, start: datetime, late: Collection[str] = ()
) -> list[TradeRow]:
    """The trades that were executed after a moment, or have no time; and of `late` (row_keys), which count on the day
    of their report, those that may be."""
    since = start.astimezone(NEW_YORK).date()
    return _trades(connection, _AFTER_START, {"account": account, "start": start, "since": since, "late": list(late)})


def trades_to_strike_out(connection: psycopg.Connection, account: str) -> list[TradeRow]:
    """The trades of all time that cancel or correct another, and those that they name."""
    return _trades(connection, _MAY_BE_STRUCK_OUT, {"account": account})


def trades_reported_on(connection: psycopg.Connection, account: str, days: Sequence[date]) -> list[TradeRow]:
    """The trades that were reported on some days."""
    condition = "coalesce(t.report_date, t.row_date) = any (%(days)s)"
    return _trades(connection, condition, {"account": account, "days": list(days)})


def exercises_after(connection: psycopg.Connection, account: str, start: datetime) -> list[ExerciseRow]:
    """The rows about exercises, assignments and expirations from the day of a moment on."""
    since = start.astimezone(NEW_YORK).date()
    rows = connection.execute(_EXERCISES, {"account": account, "since": since})
    return [ExerciseRow._make(row) for row in rows]


def earliest_mismatch(
    connection: psycopg.Connection, account: str, cancels: Cancellations, base_currency: str
) -> datetime | None:
    """The moment of the earliest trade or label that the fills do not hold as the statements have it."""
    words = {"options": list(OPTION_WORDS), "deliveries": list(DELIVERY_WORDS)}
    keys = {
        "account": account,
        "struck_out": list(cancels.struck_out),
        "base": base_currency,
        "late": list(cancels.late),
    }
    return one_value(connection.execute(_EARLIEST_MISMATCH, keys | words))


def _trades(connection: psycopg.Connection, condition: LiteralString, parameters: dict[str, object]) -> list[TradeRow]:
    cursor = connection.cursor(binary=True)
    cursor.execute(f"select {_TRADE_COLUMNS} from raw_flex.trades t where {LIVE_TRADE} and {condition}", parameters)
    return [TradeRow(*row) for row in cursor]


_TRADE_COLUMNS = columns(TradeRow.names(), of="t")

_AFTER_START = (
    "t.row_date >= %(since)s and (t.date_time > %(start)s or t.date_time is null or t.row_key = any (%(late)s))"
)
"""`since` only lets the index help: no row is reported before it was executed."""

_MARKED = """(t.transaction_type ~ '(Cancel|Correct)$' or strpos(t.buy_sell, '(Ca.)') > 0
    or t.notes ~ '(^|[;, ])Ca([;, ]|$)' or t.level_of_detail ilike 'cancel')"""

_NAMES_NO_ORIGINAL = """coalesce(t.transaction_type, '') !~ 'Correct$'
    and coalesce(nullif(t.orig_transaction_id, '0'), nullif(t.orig_trade_id, '0'), '') = ''"""

_MAY_BE_STRUCK_OUT = f"""
    ({_MARKED}
     or t.transaction_id in (select t.orig_transaction_id from raw_flex.trades t where {LIVE_TRADE} and {_MARKED})
     or t.trade_id in (select t.orig_trade_id from raw_flex.trades t where {LIVE_TRADE} and {_MARKED})
     or (coalesce(t.conid, t.symbol), abs(t.quantity), t.trade_price) in (
         select coalesce(t.conid, t.symbol), abs(t.quantity), t.trade_price
         from raw_flex.trades t where {LIVE_TRADE} and {_MARKED} and {_NAMES_NO_ORIGINAL}
     ))
"""

_EXERCISES = """
    select trade_id, transaction_type, conid from raw_flex.option_eae
    where account_id = %(account)s and withdrawn_at is null and row_date >= %(since)s
      and trade_id is not null and transaction_type is not null
    order by row_id
"""

_EARLIEST_MISMATCH = f"""
    with labels as (
        select distinct trade_id, conid, lower(transaction_type) = any (%(deliveries)s) as delivery
        from raw_flex.option_eae
        where account_id = %(account)s and withdrawn_at is null and trade_id is not null
          and lower(transaction_type) = any (%(options)s || %(deliveries)s)
    ),
    live as (
        select t.*, labels.trade_id is not null as is_labelled
        from raw_flex.trades t
        left join labels on labels.trade_id = t.trade_id and labels.delivery = (t.put_call is null)
            and (labels.conid = t.conid) is not false
        where {LIVE_TRADE} and t.row_key <> all (%(struck_out)s)
    ),
    built as (
        select * from alm_reporting.fills
        where account_id = %(account)s and label_source not in ('corporate_action', 'transfer')
    )
    select min(least(live.date_time, built.executed_at))
    from live full join built on built.fill_id = live.row_key
    where live.row_key is null or built.fill_id is null
       or row(abs(live.quantity), live.trade_price,
              case when live.row_key = any (%(late)s) then built.executed_at else live.date_time end,
              coalesce(live.report_date, live.row_date), coalesce(live.conid, live.symbol), live.currency,
              live.fifo_pnl_realized, live.mtm_pnl, live.close_price)
          is distinct from
          row(abs(built.quantity), built.price, built.executed_at, built.report_date,
              built.contract_id, built.currency, built.broker_realised, built.broker_mtm, built.close_price)
       or live.is_labelled <> (built.label_source = 'option_eae')
       or (coalesce(live.ib_commission_currency, live.currency) = live.currency
           and coalesce(live.ib_commission, 0) + coalesce(live.taxes, 0) <> built.commission)
       or (built.fx_source <> 'base'
           and nullif(live.fx_rate_to_base, 0) is distinct from
               case when built.fx_source = 'row' then built.fx_rate_to_base end)
       or built.base_currency <> %(base)s
"""
