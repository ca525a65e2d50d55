"""Reading what an account held before its first statement of trades, or since a gap between two, for the rebuild of
fills and lots.

Here belongs which day of `raw_flex.open_positions` says it, and what `position_lots` holds of it already; what the rows
mean is in `accounting/held.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import psycopg

from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fills import CORPORATE_ACTIONS, FX_CONVERSION, Fill
from fntx_dagster.accounting.held import Gap, HeldLot, HeldRow, Moved, RecordStart, appeared, held_before
from fntx_dagster.store.queries import one_row, one_value


def held_lots(
    connection: psycopg.Connection,
    account: str,
    base: str,
    calendar: Calendar,
    start: datetime,
    fills: Iterable[Fill],
) -> list[HeldLot]:
    """The lots that an account held before its fills begin. `fills` are those after `start`; earlier ones are read from
    the table."""
    first_traded, before, after, last_reported = one_row(connection.execute(_DAYS, {"account": account}))
    if last_reported is None:
        return []
    reported = last_reported if first_traded is None else _reported_day(calendar, first_traded, before, after)
    rows = [HeldRow(*row) for row in connection.execute(_ROWS, [account, reported])]
    if not rows:
        return []
    first_day = first_traded or reported + timedelta(days=1)
    session = calendar.on_or_before(first_day - timedelta(days=1))
    beginning = RecordStart(session.day, session.closes_at, first_day, calendar.zone)
    contracts = [row.contract_id for row in rows]
    moved: dict[str, Moved] = defaultdict(Moved)
    for contract, quantity, event_type in connection.execute(_MOVED, [account, contracts, start, reported]):
        moved[contract] = moved[contract].and_also(quantity, event_type in CORPORATE_ACTIONS)
    for fill in fills:
        if fill.event_type != FX_CONVERSION and (fill.report_date or fill.session) <= reported:
            is_changed = fill.event_type in CORPORATE_ACTIONS
            moved[fill.contract_id] = moved[fill.contract_id].and_also(fill.quantity, is_changed)
    return held_before(rows, moved, beginning, base)


def gaps(connection: psycopg.Connection, account: str, calendar: Calendar) -> list[Gap]:
    """The gaps between an account's statements of trades at whose end Open Positions say what is held, oldest first:
    those of the first session after the gap, else of the last one in it."""
    found = []
    for last, first in connection.execute(_GAPS, {"account": account}).fetchall():
        session, before = calendar.on_or_after(first), calendar.on_or_before(first - timedelta(days=1))
        reported = [day for (day,) in connection.execute(_REPORTED, [account, [session.day, before.day]])]
        if reported:
            since = calendar.on_or_before(last).closes_at
            end = RecordStart(before.day, before.closes_at, first, calendar.zone)
            found.append(Gap(since, end, max(reported)))
    return found


def lots_of_gap(
    connection: psycopg.Connection,
    account: str,
    base: str,
    gap: Gap,
    known: Mapping[str, Decimal],
    later: Iterable[Fill],
) -> list[HeldLot]:
    """The lots that appeared in a gap. `known`: contract → what is open at its end, signed; `later` are the fills after
    it."""
    rows = [HeldRow(*row) for row in connection.execute(_ROWS, [account, gap.reported])]
    moved: dict[str, Moved] = defaultdict(Moved)
    for fill in later:
        if fill.event_type != FX_CONVERSION and (fill.report_date or fill.session) <= gap.reported:
            is_changed = fill.event_type in CORPORATE_ACTIONS
            moved[fill.contract_id] = moved[fill.contract_id].and_also(fill.quantity, is_changed)
    return appeared(rows, known, moved, gap, base)


def held_as_built(connection: psycopg.Connection, account: str) -> set[tuple[object, ...]]:
    """What `position_lots` says of these lots, as `identity` gives it."""
    return {tuple(row) for row in connection.execute(_BUILT, [account])}


def first_day(connection: psycopg.Connection, account: str) -> date:
    """The first day that a statement of the account covers."""
    return one_value(
        connection.execute("select min(from_date) from raw_flex.statements where account_id = %s", [account])
    )


def identity(held: HeldLot) -> tuple[object, ...]:
    """All of a lot that decides what becomes of it."""
    lot = held.lot
    return (
        held.row.contract_id, lot.open_fill_id, lot.direction, lot.quantity, lot.multiplier, lot.open_price,
        lot.opened_at, lot.opened_session, lot.opened_before, lot.open_fx_rate, lot.origin_fill_id,
    )  # fmt: skip


def _reported_day(calendar: Calendar, first_traded: date, before: date | None, after: date | None) -> date:
    """The day whose Open Positions say what was held before the first day of trades: the close before it; else the
    first day from it on; else the last before it."""
    if before and calendar.after(before).day >= calendar.on_or_after(first_traded).day:
        return before
    return after or before or first_traded


_DAYS = """
    with traded as (
        select min(day) as day from raw_flex.coverage where account_id = %(account)s and section = 'trades'
    ),
    reported as (
        select row_date as day from raw_flex.open_positions
        where account_id = %(account)s and withdrawn_at is null and position <> 0
    )
    select traded.day, (select max(day) from reported where day < traded.day),
        (select min(day) from reported where day >= traded.day), (select max(day) from reported)
    from traded
"""

_ROWS = """
    select row_key, row_date, currency, symbol, description, conid, asset_category, underlying_symbol, multiplier,
        strike, expiry, put_call, report_date, null, null, fx_rate_to_base, position, level_of_detail,
        cost_basis_price, cost_basis_money, open_price, mark_price, position_value, open_date_time,
        attributes ->> 'openDateTime', attributes ->> 'holdingPeriodDateTime'
    from raw_flex.open_positions
    where account_id = %s and row_date = %s and withdrawn_at is null and position <> 0
    order by row_id
"""

_GAPS = """
    select last, first from (
        select lag(day) over (order by day) as last, day as first
        from raw_flex.coverage where account_id = %(account)s and section = 'trades'
    ) as days
    where first - last > 1
        and exists (
            select from alm_reporting.account_sessions
            where account_id = %(account)s and trading_day > last and trading_day < first
        )
    order by first
"""

_REPORTED = """
    select distinct row_date from raw_flex.open_positions
    where account_id = %s and withdrawn_at is null and position <> 0 and row_date = any (%s)
"""

_MOVED = """
    select contract_id, quantity, event_type from alm_reporting.fills
    where account_id = %s and contract_id = any (%s) and executed_at <= %s and report_date <= %s
        and event_type <> 'fx_conversion'
"""

_BUILT = """
    select contract_id, open_fill_id, direction, sum(quantity), multiplier, open_price, opened_at, opened_session,
        opened_before, open_fx_rate, origin_fill_id
    from alm_reporting.position_lots
    where account_id = %s and how_opened = 'held' and strpos(open_fill_id, '@') = 0
    group by 1, 2, 3, 5, 6, 7, 8, 9, 10, 11
"""
