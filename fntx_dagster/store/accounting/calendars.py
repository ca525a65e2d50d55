"""Which calendar an account's days follow: the table `account_calendars`. An account that is not in it follows XNYS.

Whoever loads an account's statements writes here, before the first rebuild. In SQL the view `account_sessions` joins
the sessions of each account.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import psycopg

from fntx_dagster.errors import Permanent, masked
from fntx_dagster.model.session import CALENDARS, XNYS
from fntx_dagster.store.database import Database, Readable


def calendars(db: Readable) -> Mapping[str, str]:
    """Account → its calendar; XNYS for every account that is not there."""
    with db.connect() as connection:
        return read_calendars(connection)


def read_calendars(connection: psycopg.Connection) -> Mapping[str, str]:
    """The same, within a transaction."""
    rows = connection.execute("select account_id, calendar from alm_reporting.account_calendars")
    return defaultdict(lambda: XNYS, rows.fetchall())


def calendars_of(db: Readable, accounts: Iterable[str]) -> list[str]:
    """The calendars that some accounts follow, each once, in the order of CALENDARS; XNYS for no account."""
    known = calendars(db)
    followed = {known[account] for account in accounts} or {XNYS}
    return [calendar for calendar in CALENDARS if calendar in followed]


def calendar_of(db: Readable, account: str) -> str:
    """The calendar of one account."""
    return calendars(db)[account]


def set_calendar(db: Database, account: str, calendar: str) -> None:
    """Let an account follow a calendar. Raises Permanent for an unknown calendar, and where fills of the account were
    built by another one: its days would change their meaning."""
    if calendar not in CALENDARS:
        raise Permanent(f"there is no calendar {calendar!r}", f"Give one of {', '.join(CALENDARS)}")
    with db.connect() as connection:
        row = connection.execute(_SET, {"account": account, "calendar": calendar}).fetchone()
    if row is None:
        raise Permanent(
            f"account {masked(account)} has days of another calendar than {calendar}",
            "Load its statements under another account id",
        )


def keep_calendars(connection: psycopg.Connection, accounts: Iterable[str]) -> Mapping[str, str]:
    """Give every one of the accounts a row, for SQL; return what they follow."""
    connection.execute(_KEEP, {"accounts": list(accounts), "default": XNYS})
    return read_calendars(connection)


_SET = """
    insert into alm_reporting.account_calendars as known values (%(account)s, %(calendar)s)
    on conflict (account_id) do update set calendar = excluded.calendar
    where known.calendar = excluded.calendar
        or not exists (select from alm_reporting.fills where fills.account_id = known.account_id)
        and not exists (select from alm_reporting.day_rates where day_rates.account_id = known.account_id)
    returning account_id
"""

_KEEP = """
    insert into alm_reporting.account_calendars
    select account_id, %(default)s from unnest(%(accounts)s::text[]) as accounts (account_id)
    on conflict do nothing
"""
