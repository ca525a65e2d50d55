"""Round trips as a person looks through them: filtered, in an order, page by page, summed, and one with its fills.

What belongs here: the queries of `model.round_trips.TripsAsked`. A page begins after the last round trip of the page
before, by its id: what is listed is found by the order's own key, however long the history is.
"""

from __future__ import annotations

from typing import Any, LiteralString, NamedTuple

from psycopg.rows import dict_row

from fntx_dagster.model.data_table import Kind
from fntx_dagster.model.round_trips import (
    LAST_LOTS,
    ListedTrip,
    OpenedTrip,
    TripFill,
    TripsAsked,
    TripTotals,
)
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.round_trips import round_trip_of
from fntx_dagster.store.marts.story import events_of
from fntx_dagster.store.marts.tables import reading
from fntx_dagster.store.queries import columns, one_row, own_sql

EXPORTED: dict[str, Kind] = {
    **dict.fromkeys(("round_trip_id",), "text"),
    "trading_day": "date",
    **dict.fromkeys(("contract_id", "symbol", "description", "asset_category", "direction"), "text"),
    "quantity": "decimal",
    **dict.fromkeys(("opened_at", "closed_at"), "moment"),
    **dict.fromkeys(("how_ended", "currency"), "text"),
    **dict.fromkeys(("gross_pnl", "fees", "gross_pnl_in_base", "fees_in_base", "net_pnl"), "decimal"),
    "opened_before": "date",
}
"""The columns of round_trips that are handed out: all but the account."""


def listed_trips(
    db: Readable, account: str, asked: TripsAsked, most: int, after: str | None = None
) -> list[ListedTrip]:
    """The round trips that match, at most `most` of them, in the order that is asked for, after the one with the id
    `after`; none where there is no such id."""
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        cursor.execute(_page(asked, _LISTED, after is not None), _values(account, asked, most, after))
        return [_listed(row) for row in cursor]


def exported_trips(
    db: Readable, account: str, asked: TripsAsked, most: int, after: str | None = None
) -> list[tuple[Any, ...]]:
    """The same as rows of EXPORTED."""
    wanted = own_sql(f"select {columns(EXPORTED)} from page order by place")
    with reading(db) as connection:
        query = _page(asked, wanted, after is not None)
        return connection.execute(query, _values(account, asked, most, after)).fetchall()


def trip_totals(db: Readable, account: str, asked: TripsAsked) -> TripTotals:
    """The sums of all that match."""
    with reading(db) as connection:
        query = own_sql(f"""select count(*), count(*) filter (where net_pnl > 0), count(*) filter (where net_pnl < 0),
            count(*) - count(net_pnl), coalesce(sum(fees_in_base), 0), coalesce(sum(net_pnl), 0) {_MATCHING}""")
        return TripTotals._make(one_row(connection.execute(query, _values(account, asked))))


def opened_trip(db: Readable, account: str, round_trip_id: str) -> OpenedTrip | None:
    """One round trip with its fills; None where the account has none with that id."""
    key = {"account": account, "id": round_trip_id}
    with reading(db) as connection, connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(own_sql(f"{_ONE} {_LISTED}"), key).fetchone()
        if row is None:
            return None
        legs = [leg["fill_id"] for leg in cursor.execute(_LEGS, key)]
    told = {each.event.event_id: each for each in events_of(db, account, [f"fill:{leg}" for leg in legs])}
    fills = [
        TripFill(leg, each.trading_day, each.block_id, each.event)
        if (each := told.get(f"fill:{leg}"))
        else TripFill(leg, None, None, None)
        for leg in legs
    ]
    return OpenedTrip(_listed(row), fills)


class _Order(NamedTuple):
    """What round trips are ordered by, and how two of them compare."""

    key: LiteralString
    direction: LiteralString
    comes_after: LiteralString


_ORDERS = {
    "newest": _Order("closed_at", "desc", "<"),
    "oldest": _Order("closed_at", "asc", ">"),
    "best": _Order("coalesce(net_pnl, '-Infinity')", "desc", "<"),
    "worst": _Order("coalesce(net_pnl, 'Infinity')", "asc", ">"),
}

_MATCHING = """
from alm_reporting.round_trips as trips
where account_id = %(account)s and trading_day between %(first)s and %(last)s
    and (%(ended)s = '' or how_ended = %(ended)s or %(ended)s = 'otherwise' and how_ended <> all(%(named)s))
    and (%(result)s = '' or %(result)s = case
        when net_pnl is null then 'unknown' when net_pnl > 0 then 'won' when net_pnl < 0 then 'lost' else 'even' end)
    and (%(underlying)s = '' or exists (
        select from alm_reporting.position_lots as lots
        where lots.account_id = trips.account_id and lots.contract_id = trips.contract_id
            and upper(coalesce(nullif(lots.underlying_symbol, ''), lots.symbol)) = upper(%(underlying)s)
    ))
"""

# A contract's terms are the same in all of its lots.
_LISTED = """
select place, page.round_trip_id, page.trading_day, page.contract_id, page.symbol,
    coalesce(page.description, page.symbol) as description, page.asset_category,
    lot.underlying_symbol, lot.multiplier, lot.strike, lot.expiry, lot.put_call,
    case direction when 'long' then quantity else -quantity end as quantity, opened_at, closed_at, how_ended, currency,
    gross_pnl, fees, fees_in_base, net_pnl, opened_before
from page
cross join lateral (
    select underlying_symbol, multiplier, strike, expiry, put_call from alm_reporting.position_lots as lots
    where lots.account_id = page.account_id and lots.contract_id = page.contract_id limit 1
) as lot
order by place
"""

_ONE = """
with page as (
    select 1 as place, * from alm_reporting.round_trips where account_id = %(account)s and round_trip_id = %(id)s
)
"""

_LEGS = """
select fill_id from (
    select open_fill_id as fill_id, opened_at as at from alm_reporting.position_lots
    where account_id = %(account)s and round_trip_id = %(id)s
    union all
    select close_fill_id, closed_at from alm_reporting.position_lots
    where account_id = %(account)s and round_trip_id = %(id)s and close_fill_id is not null
) as legs group by fill_id order by min(at), fill_id
"""


def _page(asked: TripsAsked, wanted: LiteralString, is_later: bool) -> LiteralString:
    key, direction, comes_after = _ORDERS[asked.order]
    later = f"""and ({key}, round_trip_id) {comes_after} (
        select {key}, round_trip_id from alm_reporting.round_trips
        where account_id = %(account)s and round_trip_id = %(after)s
    )"""
    return own_sql(f"""
        with page as (
            select *, row_number() over (order by {key} {direction}, round_trip_id {direction}) as place from (
                select trips.* {_MATCHING} {later if is_later else ""}
                order by {key} {direction}, round_trip_id {direction} limit %(most)s
            ) as ordered
        )
        {wanted}""")


def _values(account: str, asked: TripsAsked, most: int | None = None, after: str | None = None) -> dict[str, Any]:
    first, last = asked.period
    return {
        "account": account,
        "first": first,
        "last": last,
        "ended": asked.ended,
        "named": list(LAST_LOTS[:-1]),
        "result": asked.result,
        "underlying": asked.underlying.strip(),
        "most": most,
        "after": after,
    }


def _listed(row: dict[str, Any]) -> ListedTrip:
    return ListedTrip(row["round_trip_id"], row["trading_day"], row["fees_in_base"], round_trip_of(row))
