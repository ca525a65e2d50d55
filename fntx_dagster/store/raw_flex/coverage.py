"""Which sessions the statements are complete for.

A session is complete with an official NAV and with every section of the story that the session before it had. What is
missing is decided here, from the statements, and not from what Dagster remembers to have materialised.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from fntx_dagster.accounting.calendar import LONGEST_CLOSURE, last_session, sessions
from fntx_dagster.errors import masked
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import SEVEN_DAYS, XNYS, ZONES, Session
from fntx_dagster.store.accounting.calendars import calendars, calendars_of
from fntx_dagster.store.database import Readable
from fntx_dagster.store.queries import one_value
from fntx_dagster.store.raw_flex.fetches import served_accounts, unanswered
from fntx_dagster.store.raw_flex.overview import accounts
from fntx_dagster.store.raw_flex.positions import positions_in_words

_STATEMENTS_TAKE = timedelta(hours=4)
"""After midnight where the days of the calendar are counted; the broker promises daily statements overnight."""

_NAV_PERIODS = """
select account_id, coalesce(from_date, row_date), to_date from raw_flex.change_in_nav
where withdrawn_at is null and ending_value is not null and to_date = any(%(days)s)
union
select account_id, report_date, report_date from raw_flex.equity_summary
where withdrawn_at is null and total is not null and report_date = any(%(days)s)
"""


def nav_sessions(db: Readable, period: Period, days: Collection[date] | None = None) -> dict[str, set[date]]:
    """Account → the sessions of the range with an official NAV, by the rule of the dbt model official_days: a period
    that begins after the session before and ends on the session's day. `days`: of those, the ones to look at."""
    first, last = period
    followed = calendars(db)
    begins = {
        calendar: {
            session.day: session.previous_day
            for session in sessions(first, last, calendar)
            if days is None or session.day in days
        }
        for calendar in {XNYS, *followed.values()}
    }
    by_account: dict[str, set[date]] = {}
    asked = {"days": sorted({day for known in begins.values() for day in known})}
    with db.connect() as connection:
        for account, start, end in connection.execute(_NAV_PERIODS, asked):
            before = begins[followed[account]].get(end)
            if before is not None and start > before:
                by_account.setdefault(account, set()).add(end)
    return by_account


class Missing(NamedTuple):
    """What an account's statements lack for a session. `is_beyond`: they end before it, and no Flex query brings more:
    whoever asks for it asks for a longer range than was loaded."""

    account_id: str
    day: date
    what: str = "official NAV in the statements"
    is_beyond: bool = False

    def __str__(self) -> str:
        return f"{self.day} {masked(self.account_id)}: no {self.what}"


def missing(db: Readable, period: Period, account: str | None = None) -> list[Missing]:
    """What is missing in a range, by day: official NAVs, and of sessions that have one the sections that
    the story needs.

    A NAV is expected from an account's first on, up to its last; and beyond that of accounts that the Flex queries
    serve, and of those whose last is the newest of all. So an account that was closed is not missing, nor is one whose
    token is refused: an alert has named that token. Where Flex queries serve an account, each of them must have
    answered for the session; else each section of the story that the session before had must be there (one that ends
    on a holiday is missing from the session after it).
    """
    first, last = period
    known, reach, served = nav_sessions(db, period), _reach(db), served_accounts(db)
    awaited = {account_id for account_id, outcome in served.items() if outcome != "refused"}
    followed = calendars(db)
    expected = {calendar: sessions(first, last, calendar) for calendar in {XNYS, *followed.values()}}
    newest: dict[str, date] = {}
    for account_id, (_, ends) in reach.items():
        newest[followed[account_id]] = max(ends, newest.get(followed[account_id], ends))
    lacking = [
        Missing(account_id, session.day, is_beyond=session.day > ends and account_id not in awaited)
        for account_id, (begins, ends) in reach.items()
        for session in expected[followed[account_id]]
        if begins < session.day
        and session.day not in known.get(account_id, ())
        and (session.day < ends or account_id in awaited or ends == newest[followed[account_id]])
    ]
    with_nav = {(account_id, day) for account_id, days in known.items() for day in days}
    lacking += [
        Missing(account_id, day, f"statement of the query {query}")
        for account_id, day, query in unanswered(db, period)
        if (account_id, day) in with_nav
    ]
    for calendar, days in expected.items():
        dropped = _dropped(db, calendar, days) if days else ()
        lacking += [lack for lack in dropped if lack.account_id not in served and followed[lack.account_id] == calendar]
    return sorted(
        (lack for lack in lacking if account in (None, lack.account_id)), key=lambda lack: (lack.day, str(lack))
    )


def due_session(now: datetime, calendar: str = XNYS) -> date:
    """The latest session whose statement should be there: from 04:00 of the day after it in the calendar's zone."""
    over = now.astimezone(ZONES[calendar]) - _STATEMENTS_TAKE
    return last_session(over.date() - timedelta(days=1), calendar).day


def first_session(db: Readable) -> date | None:
    """The first session that can be built; the first that a statement covers where no NAV is loaded; None where nothing
    is."""
    with db.connect() as connection:
        day = one_value(connection.execute(_FIRST_DAY, {"longest": _LONGEST_NAV.days}))
    if day is None:
        return None
    followed = calendars_of(db, accounts(db))
    return min(sessions(day, day + LONGEST_CLOSURE, calendar)[0].day for calendar in followed)


def nothing_to_build(db: Readable, period: Period) -> str | None:
    """A sentence for a person where no session of a range has an official NAV in any account; None where one has."""
    first, last = period
    if any(nav_sessions(db, period).values()):
        return None
    followed = calendars_of(db, accounts(db))
    expected = sorted({session.day for calendar in followed for session in sessions(first, last, calendar)})
    held = positions_in_words(db, period)
    return (
        f"no official NAV for {len(expected)} session{'s' if len(expected) > 1 else ''}: {listed(expected)}. Load "
        "statements that hold Change in NAV (or Equity Summary with a total) for them, or choose a range without them; "
        "`fntx status` says what is loaded" + (f". {held}" if held else "")
    )


def positions_without_nav(db: Readable, period: Period, accounts: Collection[str]) -> str | None:
    """The positions at the last close of a range in which none of the accounts has an official NAV, in words; None
    where one has, where Open Positions list nothing, or where the range holds none of their sessions."""
    known = nav_sessions(db, period)
    if any(known.get(account) for account in accounts):
        return None
    is_closed = not any(sessions(*period, calendar) for calendar in calendars_of(db, accounts))
    return None if is_closed else positions_in_words(db, period, accounts)


def listed(days: list[date]) -> str:
    """The first days of a list, and how many more there are."""
    return ", ".join(map(str, days[:5])) + (f" and {len(days) - 5} more" if len(days) > 5 else "")


def _dropped(db: Readable, calendar: str, expected: Sequence[Session]) -> list[Missing]:
    """The sections of the story that the session before had, of every account as if it followed the calendar."""
    begins = expected[0].previous_day + timedelta(days=1)
    parameters = {
        "first": begins,
        "since": begins - LONGEST_CLOSURE,
        "last": expected[-1].day,
        "sections": list(_STORY_SECTIONS),
        "last_weekday": 7 if calendar == SEVEN_DAYS else 5,
    }
    with db.connect() as connection:
        return [
            Missing(
                account_id,
                next(session.day for session in expected if session.day >= since),
                f"{section.replace('_', ' ')} in the statements",
            )
            for account_id, since, section in connection.execute(_DROPPED_SECTIONS, parameters)
        ]


_STORY_SECTIONS = ("trades", "option_eae", "cash_transactions", "corporate_actions", "transfers")

_DROPPED_SECTIONS = """
with days as (
    select account_id, day, coalesce(array_agg(section) filter (where section = any(%(sections)s)), '{}') as sections
    from raw_flex.coverage
    where day between %(since)s and %(last)s and extract(isodow from day) <= %(last_weekday)s
    group by account_id, day having bool_or(section in ('change_in_nav', 'equity_summary'))
), chained as (
    select *, lag(sections) over (partition by account_id order by day) as sections_before from days
)
select account_id, day, section from chained cross join unnest(sections_before) as section
where day >= %(first)s and section <> all (sections)
"""
"""Sections that cover one day with a NAV and not the next."""

_LONGEST_NAV = timedelta(days=5)
"""Longer than the period of one session's NAV, with the weekend and the holidays before it, ever was since 2002."""

_FIRST_DAY = """
select coalesce(
    (
        select min(day) from (
            select to_date as day from raw_flex.change_in_nav
            where withdrawn_at is null and ending_value is not null
                and to_date - coalesce(from_date, row_date) < %(longest)s
            union all
            select report_date + 1 from raw_flex.equity_summary where withdrawn_at is null and total is not null
        ) as days
    ),
    (select min(from_date) from raw_flex.statements)
)
"""
"""Of a NAV by period those that can be one session's; the first NAV without a period is only the next day's opening."""


def _reach(db: Readable) -> dict[str, tuple[date, date]]:
    """Account → its first and last day with an official NAV."""
    with db.connect() as connection:
        rows = connection.execute(
            """select account_id, min(day), max(day) from (
                select account_id, to_date as day from raw_flex.change_in_nav
                where withdrawn_at is null and ending_value is not null
                union all
                select account_id, report_date from raw_flex.equity_summary
                where withdrawn_at is null and total is not null
            ) as days group by 1"""
        )
        return {account: (begins, ends) for account, begins, ends in rows}
