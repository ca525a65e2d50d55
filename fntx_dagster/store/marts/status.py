"""What is loaded, built, signed and posted, and what is missing: one row per account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from psycopg.rows import dict_row

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.store.accounting.calendars import calendars
from fntx_dagster.store.accounting.changes import changed_since
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.tables import marts_exist
from fntx_dagster.store.queries import one_row, text_array
from fntx_dagster.store.raw_flex.coverage import nav_sessions
from fntx_dagster.store.raw_flex.overview import AccountOverview, loaded_overview

_ByAccount = dict[str, dict[str, Any]]

_BUILT = """
select account_id, count(*) as days, max(trading_day) as last, array_agg(trading_day) as built,
    (
        select count(distinct trading_day) from alm_reporting.daily_verification as failing
        where failing.account_id = summary.account_id and not passed and kind <> 'historical'
    ) as failing
from alm_reporting.daily_summary as summary group by 1
"""

_POSTED = """
select account_id, count(distinct trading_day) filter (where state in ('mined', 'final')) as days,
    count(*) filter (where state in ('queued', 'signed', 'broadcast')) as waiting,
    count(*) filter (where state = 'failed') as failed
from alm_reporting.chain_postings group by 1
"""


class AccountState(NamedTuple):
    """One account's state. Days are sessions of its `calendar`; `missing` are sessions between the first and the last
    loaded day without an official NAV, `to_build` those that have one and are not in the summary, or are stale.
    `posted` are days whose record is in a block, `waiting` records that are in none yet, `failed` those that wait for a
    person."""

    account_id: str
    calendar: str
    files: int
    first_day: date
    last_day: date
    generated_at: datetime | None
    missing: list[date]
    built: int
    last_built: date | None
    to_build: list[date]
    failing_verification: int
    signed: int
    last_signed: date | None
    posted: int
    waiting: int
    failed: int


def account_states(db: Readable) -> list[AccountState]:
    """The state of every account that has statements, by account."""
    built = {}
    with db.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        if marts_exist(connection):
            built = {row["account_id"]: row for row in cursor.execute(_BUILT)}
        signed = {
            row["account_id"]: row
            for row in cursor.execute(
                """select account_id, count(distinct trading_day) as days, max(trading_day) as last
                from alm_reporting.daily_signatures group by 1"""
            )
        }
        posted = {row["account_id"]: row for row in cursor.execute(_POSTED)}
    overviews, known, changed = loaded_overview(db), calendars(db), changed_since(db)
    unbuilt: dict[str, list[date]] = {}
    for loaded in overviews:
        account, since = loaded.account_id, changed.get(loaded.account_id)
        in_summary = {*built.get(account, {}).get("built", ())}
        expected = [each.day for each in sessions(loaded.first_day, loaded.last_day, known[account])]
        unbuilt[account] = [day for day in expected if day not in in_summary or (since and day >= since.since)]
    asked = {day for days in unbuilt.values() for day in days}
    with_nav = nav_sessions(db, Period(min(asked), max(asked)), asked) if asked else {}
    return [
        _state(loaded, known[loaded.account_id], unbuilt[loaded.account_id], with_nav, built, signed, posted)
        for loaded in overviews
    ]


class LastDays(NamedTuple):
    """The newest built day and the newest signed day of an account; None where there is none."""

    built: date | None = None
    signed: date | None = None


def last_days(db: Readable, accounts: Sequence[str]) -> dict[str, LastDays]:
    """Each of these accounts → its last days, each read from the end of an index: the cost does not grow with the
    history, nor with other accounts."""
    with db.connect() as connection:
        built = "null::date"
        if marts_exist(connection):
            built = (
                "(select max(trading_day) from alm_reporting.daily_summary as days where days.account_id = asked.id)"
            )
        rows = connection.execute(
            f"""select id, {built},
                (select max(trading_day) from alm_reporting.daily_signatures as days where days.account_id = asked.id)
            from unnest(%s::text[]) as asked (id)""",
            (text_array(accounts),),
        )
        return {account: LastDays(*days) for account, *days in rows}


def last_days_of(db: Readable, account: str) -> LastDays:
    """The last days of one account."""
    return last_days(db, [account])[account]


def built_span_of(db: Readable, account: str, within: Period = EVER) -> Period | None:
    """The first and the last built day of an account within a range; None where there is none."""
    with db.connect() as connection:
        if not marts_exist(connection):
            return None
        query = """select min(trading_day), max(trading_day) from alm_reporting.daily_summary
            where account_id = %s and trading_day between %s and %s"""
        first, last = one_row(connection.execute(query, (account, *within)))
    return Period(first, last) if first else None


def _state(
    loaded: AccountOverview,
    calendar: str,
    unbuilt: list[date],
    with_nav: dict[str, set[date]],
    built: _ByAccount,
    signed: _ByAccount,
    posted: _ByAccount,
) -> AccountState:
    """`unbuilt` are the sessions that are not built, or stale: a built day that is not stale has its NAV."""
    account = loaded.account_id
    known = with_nav.get(account, set())
    return AccountState(
        account_id=account,
        calendar=calendar,
        files=loaded.files,
        first_day=loaded.first_day,
        last_day=loaded.last_day,
        generated_at=loaded.when_generated,
        missing=[day for day in unbuilt if day not in known],
        built=built.get(account, {}).get("days", 0),
        last_built=built.get(account, {}).get("last"),
        to_build=[day for day in unbuilt if day in known],
        failing_verification=built.get(account, {}).get("failing", 0),
        signed=signed.get(account, {}).get("days", 0),
        last_signed=signed.get(account, {}).get("last"),
        posted=posted.get(account, {}).get("days", 0),
        waiting=posted.get(account, {}).get("waiting", 0),
        failed=posted.get(account, {}).get("failed", 0),
    )
