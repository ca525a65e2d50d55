"""The days of a report: events, blocks and positions of each session, as `model.day` has them.

Times are aware and in UTC, money is Decimal.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields as dataclass_fields
from datetime import date
from typing import Any, LiteralString, NamedTuple

from psycopg.rows import namedtuple_row

from fntx_dagster.model.contract import Contract
from fntx_dagster.model.day import Block, Day, Event, InterestTier, OpenPosition
from fntx_dagster.model.period import Period
from fntx_dagster.model.rates import CONFIGURED, LAST_KNOWN, StandInRate
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.summaries import difference_parts
from fntx_dagster.store.marts.tables import IN_RANGE, reading
from fntx_dagster.store.queries import own_sql


def days(db: Readable, account: str, period: Period) -> Iterator[Day]:
    """What the report of each session needs, oldest first; one query per table, whatever the range."""
    first, last = period
    key = {"first": first, "last": last, "account": account}
    with reading(db) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:

        def rows(query: LiteralString) -> list[Any]:
            return [*cursor.execute(query, key)]

        events = _by_block(rows(_EVENTS))
        blocks = defaultdict(list)
        for row in rows(_BLOCKS):
            blocks[row.trading_day].append(_block(row, tuple(events[row.block_id])))
        held = defaultdict(list)
        for row in rows(_HELD):
            held[row.trading_day].append(_position(row))
        ended: dict[date, dict[str, int]] = defaultdict(dict)
        for row in rows(_ENDED):
            ended[row.trading_day][row.ending] = row.trips
        stand_ins = defaultdict(list)
        for row in rows(_STAND_INS):
            stand_ins[row.session].append(StandInRate(row.currency, row.rate, row.source, row.rate_day))
        tiers = defaultdict(list)
        for row in rows(_TIERS):
            tiers[row.session].append(InterestTier(row.currency, row.rate, row.total_principal, row.total_interest))
        for row in rows(_DAYS):
            of_day = row.trading_day
            stood_in, charged = tuple(stand_ins[of_day]), tuple(tiers[of_day])
            yield _day(row, _Found(tuple(blocks[of_day]), tuple(held[of_day]), ended[of_day], stood_in, charged))


class ToldEvent(NamedTuple):
    """An event in the session and the block that tell it."""

    trading_day: date
    block_id: str
    event: Event


def events_of(db: Readable, account: str, event_ids: Collection[str]) -> list[ToldEvent]:
    """Some events of an account in the order of time; those of sessions that are not built are left out."""
    with reading(db) as connection, connection.cursor(row_factory=namedtuple_row) as cursor:
        rows: list[Any] = cursor.execute(
            """select * from alm_reporting.chronological_events where event_id = any(%s) and account_id = %s
            order by event_timestamp, trading_day, event_number""",
            (list(event_ids), account),
        ).fetchall()
        return [ToldEvent(row.trading_day, row.block_id, _event(row)) for row in rows]


_EVENTS = f"""
select * from alm_reporting.chronological_events where {IN_RANGE} order by trading_day, event_number
"""

_BLOCKS = f"select * from alm_reporting.nav_blocks where {IN_RANGE} order by trading_day, block_id"

_STAND_INS = own_sql(
    f"""
select session, currency, rate, source, rate_day from alm_reporting.day_rates
where session between %(first)s and %(last)s and account_id = %(account)s and source in ('{LAST_KNOWN}', '{CONFIGURED}')
order by session, currency
"""
)

_DAYS = """
select summary.*, sessions.previous_close, sessions.opens_at, sessions.closes_at, sessions.early_close,
    sessions.calendar
from alm_reporting.daily_summary as summary
join alm_reporting.account_sessions as sessions using (account_id, trading_day)
where summary.trading_day between %(first)s and %(last)s and summary.account_id = %(account)s
order by summary.trading_day
"""

# How a position ended counts for the day's story only when it ended that night.
_HELD = """
select
    summary.trading_day, contract_id, symbol, min(lots.description) as description, asset_category, underlying_symbol,
    multiplier, strike, expiry, put_call,
    sum(case direction when 'long' then quantity else -quantity end) as quantity,
    case when bool_and(opened_before is null) then min(opened_at) end as opened_at,
    min(opened_before) as opened_before,
    (array_agg(open_price order by opened_at))[1] as open_price,
    night.ends,
    max(closed_at) filter (where night.ends is not null) as ended_at
from alm_reporting.daily_summary as summary
join alm_reporting.position_lots as lots
    on lots.account_id = summary.account_id
    and daterange(lots.opened_session, lots.closed_session) @> summary.trading_day
    and lots.closed_session is distinct from lots.opened_session
join alm_reporting.account_sessions as sessions
    on sessions.account_id = summary.account_id and sessions.trading_day = summary.trading_day
cross join lateral (
    select case
        when (closed_at at time zone sessions.zone)::date = summary.trading_day
            and how_ended in ('expired', 'assigned', 'exercised', 'delivered') then how_ended
    end as ends
) as night
where summary.trading_day between %(first)s and %(last)s and summary.account_id = %(account)s
group by
    summary.trading_day, contract_id, symbol, asset_category, underlying_symbol, multiplier, strike, expiry, put_call,
    night.ends
order by summary.trading_day, asset_category, expiry, put_call desc, strike, contract_id
"""


# As in the metrics, what ended in a session without a summary counts with the next one. `offset 0` keeps the planner
# from reading the lots of all years into a hash: they are looked up for the trips of the range.
_ENDED = """
select built.trading_day, ending, count(*)::int as trips
from (
    select trading_day, lag(trading_day, 1, '-infinity') over (order by trading_day) as before
    from alm_reporting.daily_summary
    where account_id = %(account)s and trading_day <= %(last)s and trading_day >= coalesce((
        select max(trading_day) from alm_reporting.daily_summary
        where account_id = %(account)s and trading_day < %(first)s
    ), %(first)s)
) as built
join alm_reporting.round_trips as trips
    on trips.account_id = %(account)s and trips.trading_day > built.before and trips.trading_day <= built.trading_day
cross join lateral (
    select case
        when how_ended = 'expired' and exists (
            select from alm_reporting.position_lots as lots
            where lots.account_id = trips.account_id and lots.round_trip_id = trips.round_trip_id
                and lots.how_ended = 'expired' and lots.close_price <> 0
            offset 0
        ) then 'settled'
        when how_ended = 'traded' then 'closed'
        when how_ended in ('expired', 'assigned', 'exercised', 'delivered') then how_ended
        else 'otherwise'
    end as ending
) as how
where built.trading_day >= %(first)s
group by 1, 2
"""


# The interest of a weekend or a holiday belongs to the session after it, as the broker's other figures do.
_TIERS = """
select sessions.trading_day as session, currency, rate, total_principal, total_interest
from raw_flex.tier_interest as tier
join alm_reporting.account_sessions as sessions
    on sessions.account_id = tier.account_id
    and tier.row_date > sessions.previous_day and tier.row_date <= sessions.trading_day
where tier.account_id = %(account)s and sessions.trading_day between %(first)s and %(last)s
    and withdrawn_at is null and currency <> 'BASE_SUMMARY' and total_interest <> 0
    and rate is not null and total_principal is not null
order by sessions.trading_day, currency, balance_threshold, total_interest
"""


def _by_block(rows: list[Any]) -> dict[str, list[Event]]:
    events = defaultdict(list)
    for row in rows:
        events[row.block_id].append(_event(row))
    return events


def _contract(row: Any) -> Contract:
    return Contract(
        contract_id=row.contract_id,
        symbol=row.symbol,
        description=row.description or row.symbol,
        asset_category=row.asset_category,
        underlying_symbol=row.underlying_symbol,
        multiplier=row.multiplier,
        strike=row.strike,
        expiry=row.expiry,
        put_call=row.put_call,
    )


def _event(row: Any) -> Event:
    return Event(
        event_id=row.event_id,
        event_type=row.event_type,
        at=row.event_timestamp,
        time_assumed=row.time_assumed,
        contract=_contract(row) if row.contract_id else None,
        quantity=row.quantity,
        price=row.price,
        currency=row.currency,
        fx_rate=row.fx_rate_to_base,
        fx_source=row.fx_source,
        opening_quantity=row.opening_quantity,
        closing_quantity=row.closing_quantity,
        premium=row.premium,
        premium_reversal=row.premium_reversal,
        gross_realised=row.gross_realised,
        commission=row.commission,
        amount=row.amount,
        nav_impact=row.nav_impact,
        nav_after=row.nav_after_event,
        description=row.description or "",
        linked_event_id=f"fill:{row.linked_fill_id}" if row.linked_fill_id else None,
        unknown_quantity=row.unknown_quantity,
        order_type=row.order_type,
        broker_type="" if row.fill_id else row.label_source or "",
    )


def _block(row: Any, events: tuple[Event, ...]) -> Block:
    return Block(
        block_id=row.block_id,
        kind=row.block_kind,
        phase=row.phase,
        starts_at=row.started_at,
        ends_at=row.ended_at,
        closes=row.closes,
        currency=row.currency,
        fx_rate=row.fx_rate_to_base,
        gross_pnl=row.gross_pnl,
        premium=row.premium,
        premium_reversal=row.premium_reversal,
        commissions=row.commissions,
        nav_impact=row.nav_impact,
        nav_after=row.nav_after,
        events=events,
    )


def _position(row: Any) -> OpenPosition:
    return OpenPosition(
        contract=_contract(row),
        quantity=row.quantity,
        opened_at=row.opened_at,
        open_price=row.open_price,
        ends=row.ends,
        ended_at=row.ended_at,
        opened_before=row.opened_before,
    )


class _Found(NamedTuple):
    """What a day has beside its summary."""

    blocks: tuple[Block, ...]
    open_at_close: tuple[OpenPosition, ...]
    ended: Mapping[str, int]
    stand_in_rates: tuple[StandInRate, ...]
    interest_tiers: tuple[InterestTier, ...]


def _day(row: Any, found: _Found) -> Day:
    fields = {
        name: getattr(row, name)
        for name in (field.name for field in dataclass_fields(Day))
        if name not in ("difference_parts", *_Found._fields)
    }
    return Day(**fields, difference_parts=difference_parts(row.difference_parts), **found._asdict())
