"""Reading what corporate actions and transfers book, for the rebuild of fills and lots.

Here belongs what `raw_flex.corporate_actions` and `raw_flex.transfers` hold about positions; what it means is in
`accounting/bookings.py`. Transfers of cash are events of the story alone, and read by dbt.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import LiteralString, TypeVar

import psycopg

from fntx_dagster.accounting.bookings import (
    ACTION_KEY,
    TRANSFER_KEY,
    ActionRow,
    TransferRow,
    booked_actions,
    booked_transfers,
    standing_actions,
)
from fntx_dagster.accounting.calendar import Calendar
from fntx_dagster.accounting.fills import Fill
from fntx_dagster.accounting.fx import Rates
from fntx_dagster.model.session import NEW_YORK
from fntx_dagster.store.queries import columns, one_value

Booking = TypeVar("Booking", ActionRow, TransferRow)


def booked(
    connection: psycopg.Connection, account: str, start: datetime, calendar: Calendar, rates: Rates
) -> list[Fill]:
    """The fills that an account's actions and transfers make after `start`."""
    since = start.astimezone(NEW_YORK).date()
    actions = booked_actions(_actions(connection, account, since), calendar, rates)
    transfers = booked_transfers(_rows(connection, TransferRow, "transfers", account, since), calendar, rates)
    return [fill for fill in (*actions, *transfers) if fill.executed_at > start]


def earliest_mismatch(connection: psycopg.Connection, account: str) -> datetime | None:
    """The moment of the earliest action or transfer that the fills do not hold as the statements have it."""
    standing = [row.row_key for row in standing_actions(_actions(connection, account, date.min))]
    keys = {"account": account, "standing": standing, "action": ACTION_KEY, "transfer": TRANSFER_KEY}
    return one_value(connection.execute(_EARLIEST_MISMATCH, keys))


def _actions(connection: psycopg.Connection, account: str, since: date) -> Sequence[ActionRow]:
    return _rows(connection, ActionRow, "corporate_actions", account, since)


def _rows(
    connection: psycopg.Connection, kind: type[Booking], table: LiteralString, account: str, since: date
) -> list[Booking]:
    rows = connection.execute(
        f"select {columns(kind.names())} from raw_flex.{table}"
        " where account_id = %s and withdrawn_at is null and row_date >= %s"
        # a query may deliver summary rows beside the detail
        " and coalesce(attributes ->> 'levelOfDetail', '') not ilike 'summary' order by row_id",
        [account, since],
    )
    return [kind(*row) for row in rows]


_EARLIEST_MISMATCH = """
    with live as (
        select %(action)s || row_key as fill_id, quantity, coalesce(proceeds, 0) as proceeds, currency,
            coalesce(conid, symbol) as contract_id, coalesce(report_date, row_date) as report_date,
            coalesce(date_time, row_date::timestamp at time zone 'America/New_York') as at
        from raw_flex.corporate_actions
        where account_id = %(account)s and withdrawn_at is null and row_key = any (%(standing)s)
        union all
        select %(transfer)s || row_key, quantity, -position_amount, currency,
            coalesce(conid, symbol), coalesce(report_date, row_date),
            coalesce(least(date_time, row_date::timestamp at time zone 'America/New_York'),
                row_date::timestamp at time zone 'America/New_York')
        from raw_flex.transfers
        where account_id = %(account)s and withdrawn_at is null and quantity <> 0
            and coalesce(attributes ->> 'levelOfDetail', '') not ilike 'summary'
    ),
    built as (
        select * from alm_reporting.fills
        where account_id = %(account)s and label_source in ('corporate_action', 'transfer')
    )
    select min(least(live.at, built.executed_at))
    from live full join built on built.fill_id = live.fill_id
    where live.fill_id is null or built.fill_id is null
       or row(coalesce(live.quantity, 0), coalesce(live.proceeds, built.proceeds), live.currency, live.contract_id,
              live.report_date)
          is distinct from row(built.quantity, built.proceeds, built.currency, built.contract_id, built.report_date)
"""
