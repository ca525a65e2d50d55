"""The fills around the entries of options: what prices them at their own moment.

A fill comes in the shape of a position whose mark is the fill's price and whose moment is the fill's.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from psycopg.rows import namedtuple_row

from fntx_dagster.model.closing import ClosingPosition
from fntx_dagster.model.contract import OPTIONS
from fntx_dagster.store.database import Readable


def traded(db: Readable, account: str, sessions: Iterable[date]) -> list[ClosingPosition]:
    """An account's trades of options and shares in some sessions, in their order; bookings are none of them."""
    with db.connect() as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        rows = cursor.execute(_TRADED, {"account": account, "sessions": list(sessions), "options": list(OPTIONS)})
        return [ClosingPosition._make(row) for row in rows]


_TRADED = """
select account_id, session as trading_day, contract_id, symbol, asset_category,
    asset_category = any(%(options)s) as is_option, true as is_traded, underlying_symbol, strike, expiry, put_call,
    multiplier, currency, quantity, fx_rate_to_base as rate_to_base, price as mark, 'fill' as mark_source,
    executed_at as valued_at, null::numeric as underlying_price, null as underlying_source
from alm_reporting.fills
where account_id = %(account)s and session = any(%(sessions)s) and event_type = 'trade' and price > 0
    and (asset_category = 'STK' or asset_category = any(%(options)s))
order by executed_at, fill_id
"""
