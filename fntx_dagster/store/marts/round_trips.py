"""What an account traded: the positions that went from zero back to zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.period import Period
from fntx_dagster.model.round_trips import RoundTrip, RoundTrips
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import IN_RANGE, reading


def round_trips(db: Readable, account: str, period: Period, most: int) -> RoundTrips:
    """The round trips that ended in the range, at most `most` of them."""
    first, last = period
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_ROUND_TRIPS, {"account": account, "first": first, "last": last, "most": most})
        rows = cursor.fetchall()
    if not rows:
        return RoundTrips([], 0, Decimal(0))
    return RoundTrips(
        [round_trip_of(row) for row in rows], rows[0]["trips"], rows[0]["total"] or Decimal(0), rows[0]["unknown"]
    )


class Endings(NamedTuple):
    """The round trips that ended in a session, by the sign of their net P&L in base currency."""

    wins: int
    losses: int
    break_evens: int


def endings(db: Readable, period: Period, account: str | None = None) -> dict[tuple[str, date], Endings]:
    """(Account, session) → the round trips that ended in it, for the sessions that have any."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(
            f"""select account_id, trading_day, count(*) filter (where net_pnl > 0),
                count(*) filter (where net_pnl < 0), count(*) filter (where net_pnl = 0)
            from alm_reporting.round_trips where {IN_RANGE} group by account_id, trading_day""",
            {"first": first, "last": last, "account": account},
        )
        return {(account_id, day): Endings(*counts) for account_id, day, *counts in rows}


def round_trip_of(row: Mapping[str, Any]) -> RoundTrip:
    """A round trip from a row that has its fields and those of its contract."""
    contract = Contract(**{field.name: row[field.name] for field in fields(Contract)})
    return RoundTrip(contract, **{name: row[name] for name in RoundTrip._fields if name != "contract"})


# A contract's terms are the same in all of its lots.
_ROUND_TRIPS = """
with ended as (
    select *, count(*) over () as trips, sum(net_pnl) over () as total,
        count(*) filter (where net_pnl is null) over () as unknown
    from alm_reporting.round_trips
    where account_id = %(account)s and trading_day between %(first)s and %(last)s
    order by abs(net_pnl) desc nulls last, round_trip_id limit %(most)s
)
select trips, total, unknown, ended.contract_id, ended.symbol, coalesce(ended.description, ended.symbol) as description,
    ended.asset_category,
    lot.underlying_symbol, lot.multiplier, lot.strike, lot.expiry, lot.put_call,
    case direction when 'long' then quantity else -quantity end as quantity, opened_at, closed_at, how_ended, currency,
    gross_pnl, fees, net_pnl, opened_before
from ended
cross join lateral (
    select underlying_symbol, multiplier, strike, expiry, put_call from alm_reporting.position_lots as lots
    where lots.account_id = ended.account_id and lots.contract_id = ended.contract_id limit 1
) as lot
order by closed_at, round_trip_id
"""
