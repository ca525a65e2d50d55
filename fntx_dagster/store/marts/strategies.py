"""What strategies and their figures are made of: lots with the orders of their fills, and trades with their entry.

Money is exact, times are aware. What is over only after the last day of a range is still open here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from fntx_dagster.model.contract import OPTIONS, Contract
from fntx_dagster.model.period import Period
from fntx_dagster.model.strategies import TradedLot
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import reading
from fntx_dagster.store.queries import one_value


class AllInTrade(NamedTuple):
    """A row of all_in_trades with what its entry is known by; prices in the contract's currency, None where unknown.

    `hours_held` is None where no statement says when it was opened. `before` is the underlying's close of the session
    before the entry, `at_entry` and `at_end` those of the entry's session and of the last that priced the option;
    `delta` and `volatility` are the option's at the entry's close.
    """

    trade_id: str
    contract_id: str
    is_option: bool
    direction: str
    opened_at: Any
    opened_day: date
    hours_held: float | None
    interest: Decimal
    net_pnl: Decimal
    strike: Decimal | None
    expiry: date | None
    put_call: str | None
    before: Decimal | None
    at_entry: Decimal | None
    delta: float | None
    volatility: float | None
    at_end: Decimal | None
    days_priced: int | None


def traded_lots(db: Readable, account: str, period: Period) -> list[TradedLot]:
    """The lots that were held in a range, and those that hang together with them: of each underlying all since the
    account last held nothing in it. They are as of the range's last day."""
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_LOTS, {"account": account, "first": period.first, "last": period.last})
        return [_lot(row, period.last) for row in cursor]


def deliveries(db: Readable, account: str, period: Period) -> dict[str, str]:
    """The fill that delivers shares → the fill that assigns or exercises the option, of the sessions of a range."""
    with db.connect() as connection:
        rows = connection.execute(
            """select fill_id, linked_fill_id from alm_reporting.fills
            where account_id = %s and session between %s and %s
                and event_type = 'delivery' and linked_fill_id is not null""",
            (account, *period),
        )
        return dict(rows.fetchall())


def round_trip_pnls(db: Readable, account: str, period: Period) -> list[Decimal]:
    """The net P&L of each round trip that ended in a range, in base currency, where it is known."""
    with reading(db) as connection:
        rows = connection.execute(
            """select net_pnl from alm_reporting.round_trips
            where account_id = %s and trading_day between %s and %s and net_pnl is not null
            order by round_trip_id""",
            (account, *period),
        )
        return [net_pnl for (net_pnl,) in rows]


def all_in_trades(db: Readable, account: str, period: Period) -> list[AllInTrade]:
    """The all-in trades that ended in a range with a known result, in the order of their opening."""
    with reading(db) as connection:
        rows = connection.execute(
            _TRADES, {"account": account, "first": period.first, "last": period.last, "options": list(OPTIONS)}
        )
        return [AllInTrade._make(row) for row in rows]


def interest_by_trade(db: Readable, account: str, period: Period) -> dict[str, Decimal]:
    """All-in trade → the interest charged for it, of those that ended in a range with a known result; in base
    currency."""
    with reading(db) as connection:
        charged = connection.execute(
            """select trade_id, interest from alm_reporting.all_in_trades
            where account_id = %s and trading_day between %s and %s and interest <> 0 and net_pnl is not null""",
            (account, *period),
        )
        return dict(charged.fetchall())


def opening_navs(db: Readable, account: str, period: Period) -> dict[date, Decimal]:
    """Session → the account's official NAV before it, in base currency, of the sessions of a range."""
    with reading(db) as connection:
        rows = connection.execute(
            """select trading_day, opening_nav_official from alm_reporting.daily_summary
            where account_id = %s and trading_day between %s and %s""",
            (account, *period),
        )
        return dict(rows.fetchall())


def realised_by_fills(db: Readable, account: str, period: Period) -> Decimal:
    """What the fills of a range realised less their commissions, in base currency, each at its own rate. A commission
    counts as far as its fill is in a lot: what closes without an opening in the statements, and what converts
    currencies, has none."""
    with db.connect() as connection:
        parameters = {"account": account, "first": period.first, "last": period.last}
        return one_value(connection.execute(_REALISED, parameters))


def _lot(row: Mapping[str, Any], last: date) -> TradedLot:
    contract = Contract(**{field.name: row[field.name] for field in fields(Contract)})
    lot = TradedLot(contract=contract, **{name: row[name] for name in TradedLot._fields if name != "contract"})
    if lot.closed_day is None or lot.closed_day <= last:
        return lot
    return lot._replace(**dict.fromkeys(_CLOSING))


_CLOSING = (
    "close_fill_id",
    "closed_at",
    "closed_day",
    "close_fee",
    "close_rate",
    "gross_pnl",
    "how_ended",
    "close_order",
)


_UNDERLYING = "coalesce(nullif(underlying_symbol, ''), split_part(symbol, ' ', 1))"
_TOUCHED = """(
    how_opened not in ('trade', 'assignment', 'exercise', 'transfer', 'held', 'unstated')
    or how_ended in ('split', 'merged', 'spun_off', 'renamed', 'corporate_action')
)"""
"""Whether a corporate action touched a lot; migration 0040 has an index of those."""
_FAMILY = f"""case when {_UNDERLYING} in (select underlying from touched) then ''
    else row({_UNDERLYING}, currency)::text end"""
"""The lots that may hang together: those of one underlying in one currency."""
_ENDED = "case when how_ended = 'expired' then greatest(opened_session, closed_session - 1) else closed_session end"
"""The last session of a lot. An expiration is booked after the close, in the next session, where it links nothing: a
range reads one day further back, for what expired into its first session."""

# What is held over a close has an index over its days; what is opened and closed in one session links nothing further
# back. So the lots of a range, and step by step those that were held when the earliest of them was opened, are each
# looked up by day: the cost is that of what hangs together, not of the history.
_LOTS = f"""
with recursive
-- a corporate action takes lots from one contract to another: what it has touched is read as one
touched as (
    select distinct {_UNDERLYING} as underlying from alm_reporting.position_lots
    where account_id = %(account)s and opened_session <= %(last)s and {_TOUCHED}
),
begun as (
    select lots.underlying_symbol, lots.symbol, lots.currency, lots.opened_session
    from alm_reporting.position_lots as lots
    where account_id = %(account)s and opened_session between %(first)s - 1 and %(last)s
    union all
    select lots.underlying_symbol, lots.symbol, lots.currency, lots.opened_session
    from alm_reporting.position_lots as lots
    where account_id = %(account)s and closed_session is distinct from opened_session
        and daterange(opened_session, closed_session) @> %(first)s - 2
        and coalesce({_ENDED} >= %(first)s - 1, true)
),
reached (family, since) as (
    select family, min(opened_session)
    from (select {_FAMILY} as family, opened_session from begun) as begun
    group by family
    union all
    select reached.family, earlier.since
    from reached
    cross join lateral (
        select min(opened_session) as since from alm_reporting.position_lots
        where account_id = %(account)s and closed_session is distinct from opened_session
            and daterange(opened_session, closed_session) @> reached.since - 1
            and coalesce({_ENDED} >= reached.since, true) and {_FAMILY} = reached.family
    ) as earlier
    where earlier.since is not null
),
held as materialized (
    select family, min(since) as since from reached group by family
)
select lots.lot_id, lots.contract_id, coalesce(lots.symbol, lots.contract_id) as symbol,
    coalesce(lots.description, lots.symbol, lots.contract_id) as description, lots.asset_category,
    lots.underlying_symbol, lots.multiplier, lots.strike, lots.expiry, lots.put_call, lots.currency,
    case lots.direction when 'long' then 1 else -1 end as sign, lots.quantity, lots.open_fill_id, lots.opened_at,
    lots.opened_session as opened_day, lots.open_price, lots.open_fee, lots.open_fx_rate as open_rate,
    lots.how_opened, lots.origin_fill_id, lots.round_trip_id, lots.close_fill_id, lots.closed_at,
    lots.closed_session as closed_day, lots.close_fee, lots.close_fx_rate as close_rate, lots.gross_pnl,
    lots.how_ended, lots.opened_before, nullif(opening.attributes ->> 'ibOrderID', '') as open_order,
    nullif(closing.attributes ->> 'ibOrderID', '') as close_order
from (
    select *, {_FAMILY} as family from alm_reporting.position_lots
    where account_id = %(account)s and opened_session between (select min(since) from held) and %(last)s
) as lots
inner join held on held.family = lots.family and lots.opened_session >= held.since
left join raw_flex.trades as opening
    on opening.account_id = lots.account_id and opening.row_key = lots.open_fill_id and opening.row_kind = 'Trade'
left join raw_flex.trades as closing
    on closing.account_id = lots.account_id and closing.row_key = lots.close_fill_id and closing.row_kind = 'Trade'
"""
"""A trade's number of its order stays in the attributes: nothing else needs it."""

_TRADES = """
select trades.trade_id, trades.contract_id, trades.asset_category = any(%(options)s), trades.direction,
    trades.opened_at, trades.opened_day,
    (extract(epoch from trades.holding_time) / 3600)::double precision, trades.interest, trades.net_pnl,
    terms.strike, terms.expiry, terms.put_call, before.underlying_price, entry.underlying_price, entry.delta,
    entry.implied_volatility, ending.underlying_price, ending.trading_day - trades.opened_day
from alm_reporting.all_in_trades as trades
join alm_reporting.account_sessions as sessions
    on sessions.account_id = trades.account_id and sessions.trading_day = trades.trading_day
left join lateral (
    select strike, expiry, put_call from alm_reporting.position_lots as lots
    where lots.account_id = trades.account_id and lots.contract_id = trades.contract_id limit 1
) as terms on true
left join alm_reporting.option_greeks as entry
    on entry.account_id = trades.account_id and entry.trading_day = trades.opened_day
    and entry.contract_id = trades.contract_id
left join lateral (
    select underlying_price, trading_day from alm_reporting.option_greeks as marks
    where marks.account_id = trades.account_id and marks.contract_id = trades.contract_id
        and marks.underlying_price is not null and marks.trading_day > trades.opened_day
        and marks.trading_day <= (trades.closed_at at time zone sessions.zone)::date
    order by marks.trading_day desc limit 1
) as ending on true
left join lateral (
    select max(marks.underlying_price) as underlying_price from alm_reporting.option_greeks as marks
    where marks.account_id = trades.account_id and marks.underlying_symbol = trades.underlying_symbol
        and marks.trading_day = (
            select earlier.session from alm_reporting.trading_sessions as earlier
            where earlier.calendar = sessions.calendar and earlier.session < trades.opened_day
            order by earlier.session desc limit 1
        )
    having count(distinct marks.underlying_price) = 1
) as before on true
where trades.account_id = %(account)s and trades.trading_day between %(first)s and %(last)s
    and trades.net_pnl is not null
order by trades.opened_at, trades.trade_id
"""

_REALISED = """
select coalesce(sum(fills.fx_rate_to_base * (fills.gross_realised + case
    when in_lots.quantity = abs(fills.quantity) then fills.commission else in_lots.fees
end)), 0)
from alm_reporting.fills
cross join lateral (
    select coalesce(sum(quantity), 0) as quantity, coalesce(sum(fee), 0) as fees
    from (
        select quantity, open_fee as fee from alm_reporting.position_lots as lots
        where lots.account_id = fills.account_id and lots.opened_session = fills.session
            and lots.open_fill_id = fills.fill_id
        union all
        select quantity, close_fee from alm_reporting.position_lots as lots
        where lots.account_id = fills.account_id and lots.closed_session = fills.session
            and lots.close_fill_id = fills.fill_id
    ) as legs
) as in_lots
where fills.account_id = %(account)s and fills.session between %(first)s and %(last)s
"""
