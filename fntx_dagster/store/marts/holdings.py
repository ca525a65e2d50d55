"""What an account held: closing marks, the shares that came or went, and the positions that it ended."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.holdings import Mark, RoundTrip, RoundTrips, StockPosition
from fntx_dagster.model.period import Period
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading


def closing_marks(db: Readable, account: str, day: date) -> dict[str, Mark]:
    """Contract → the broker's closing price of a session, where its statements give it."""
    with reading(db) as connection:
        rows = connection.execute(
            """select contract_id, mark_price, currency from alm_reporting.closing_positions
            where account_id = %s and trading_day = %s and mark_price is not null""",
            (account, day),
        )
        return {contract: Mark(price, currency) for contract, price, currency in rows}


def stock_positions(db: Readable, account: str, period: Period) -> list[StockPosition]:
    """Shares that came or went in the range, equal lots in one row, oldest first."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(
            """select symbol, direction, sum(quantity), entry_date, entry_price, origin, origin_option, exit_date,
                exit_price, how_ended, currency, sum(gross_pnl)
            from alm_reporting.stock_positions
            where account_id = %(account)s
                and (entry_date between %(first)s and %(last)s or exit_date between %(first)s and %(last)s)
            group by symbol, direction, entry_date, entry_price, origin, origin_option, exit_date, exit_price,
                how_ended, currency
            order by entry_date, min(entry_timestamp), symbol, exit_date, exit_price""",
            {"account": account, "first": first, "last": last},
        )
        return [StockPosition._make(row) for row in rows]


def round_trips(db: Readable, account: str, period: Period, most: int) -> RoundTrips:
    """The round trips that ended in the range, at most `most` of them."""
    first, last = period
    with reading(db) as connection:
        rows = connection.execute(
            _ROUND_TRIPS, {"account": account, "first": first, "last": last, "most": most}
        ).fetchall()
    trips = [RoundTrip(Contract(*row[2:11]), *row[11:]) for row in rows]
    count, net_pnl = rows[0][:2] if rows else (0, Decimal(0))
    return RoundTrips(sorted(trips, key=lambda trip: trip.closed_at), count, net_pnl)


# A contract's terms are the same in all of its lots.
_ROUND_TRIPS = """
with ended as (
    select *, count(*) over () as trips, sum(net_pnl) over () as total
    from alm_reporting.round_trips
    where account_id = %(account)s and trading_day between %(first)s and %(last)s
    order by abs(net_pnl) desc, round_trip_id limit %(most)s
)
select trips, total, ended.contract_id, ended.symbol, coalesce(ended.description, ended.symbol), ended.asset_category,
    lot.underlying_symbol, lot.multiplier, lot.strike, lot.expiry, lot.put_call,
    case direction when 'long' then quantity else -quantity end, opened_at, closed_at, how_ended, currency, gross_pnl,
    fees, net_pnl
from ended
cross join lateral (
    select underlying_symbol, multiplier, strike, expiry, put_call from alm_reporting.position_lots as lots
    where lots.account_id = ended.account_id and lots.contract_id = ended.contract_id limit 1
) as lot
order by closed_at, round_trip_id
"""
