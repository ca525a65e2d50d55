"""Sessions of the exchange, for a user and for plans of runs: which days have one, whether one is open, the latest that
a statement can cover, and why a range holds none."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Sized
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta

from fntx_dagster.accounting.calendar import LONGEST_CLOSURE, last_session, sessions, why_closed
from fntx_dagster.errors import Permanent, Transient
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import NEW_YORK, SEVEN_DAYS, XNYS, Session
from fntx_dagster.services.ranges import refuse_backwards
from fntx_dagster.settings import Settings
from fntx_dagster.store.accounting.calendars import calendars, calendars_of
from fntx_dagster.store.database import Readable
from fntx_dagster.store.opening import running_database
from fntx_dagster.store.raw_flex.coverage import due_session, first_session
from fntx_dagster.store.raw_flex.overview import accounts

AFTER_CLOSE = timedelta(minutes=30)
"""How long after its close a session still counts as open: the broker books assignments then."""


_YEAR = timedelta(days=365)
_WAITS = (1, 2, 4)
"""Seconds between two attempts to reach a database that is away for a moment."""


def latest_session(calendar: str = XNYS) -> date:
    """The latest session whose statement should have arrived by now."""
    return due_session(datetime.now(UTC), calendar)


def first_partition(settings: Settings, now: datetime) -> date:
    """The first session that is loaded. Where nothing is, the first of the year before `now`: the Flex Web Service
    reaches no further back.

    Transient where the database does not answer, for some seconds, and Permanent where it cannot be used: what is
    loaded is not known then.
    """
    for seconds in _WAITS:
        with suppress(Transient):
            return _first_loaded(settings) or due_session(now - _YEAR)
        time.sleep(seconds)
    return _first_loaded(settings) or due_session(now - _YEAR)


def _first_loaded(settings: Settings) -> date | None:
    db = running_database(settings)
    return first_session(db) if db else None


def require_days(days: Sized, period: Period, db: Readable, account: str | None = None) -> None:
    """Raise Permanent where a range is backwards, or where nothing is built of it (`days` is empty) of an account, or
    of all."""
    if days:
        refuse_backwards(period)
        return
    require_session(period, calendars_of(db, accounts(db) if account is None else [account]))
    raise Permanent(
        f"no trading day is built for {period}",
        "Build what is loaded with `fntx run --from … --to …`; `fntx status` says which days there are",
    )


def require_session(period: Period, followed: Collection[str] = (XNYS,)) -> None:
    """Raise Permanent, with the sessions before and after, where a range is backwards or holds no session of the
    calendars that are followed."""
    refuse_backwards(period)
    first, last = period
    if SEVEN_DAYS in followed or last - first > LONGEST_CLOSURE or sessions(first, last):
        return
    reasons = (why_closed(first + timedelta(days=number)) for number in range((last - first).days + 1))
    what = f"{'is' if first == last else 'holds'} no session of the exchange ({XNYS})"
    before, after = last_session(first).day, sessions(last, last + LONGEST_CLOSURE)[0].day
    raise Permanent(
        f"{period} {what}: {', '.join(dict.fromkeys(filter(None, reasons)))}",
        f"The session before is {before} ({before:%A}), the session after {after} ({after:%A})",
    )


def lacking_ends(first_built: date, last_built: date, period: Period, calendar: str = XNYS) -> Iterator[str]:
    """In words that the first built day of a range comes after its first session, and that the last one comes before
    the last of its sessions whose statement is due."""
    last = min(period.last, latest_session(calendar))
    if period.first < first_built and (before := sessions(period.first, first_built - timedelta(days=1), calendar)):
        yield f"the range begins late, with {first_built}: {_not_built(before)}"
    if last_built < last and (later := sessions(last_built + timedelta(days=1), last, calendar)):
        yield f"the range ends early, with {last_built}: {_not_built(later)}"


def _not_built(lacking: Sequence[Session]) -> str:
    first = lacking[0].day
    which = f"{first} is" if len(lacking) == 1 else f"{len(lacking)} sessions from {first} on are"
    return f"{which} not built (`fntx status` says what is loaded)"


def say_lacking_ends(
    db: Readable,
    built: Mapping[str, Sequence[date]],
    labels: Mapping[str, str],
    period: Period,
    on_problem: Callable[[str], None] | None,
) -> None:
    """Say to `on_problem` each end of a range that is not built. `built`: account → its built days of the range in
    order; the account is named, by its label, where there are several."""
    if on_problem is None:
        return
    followed = calendars(db)
    for account, days in built.items():
        for problem in lacking_ends(days[0], days[-1], period, followed[account]):
            on_problem(f"account {labels[account]}: {problem}" if len(built) > 1 else problem)


def closed_weekdays(period: Period) -> list[date]:
    """The weekdays of a range (inclusive) on which the New York Stock Exchange has no session."""
    first, last = period
    open_days = {session.day for session in sessions(first, last)}
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5 and day not in open_days]


def sessions_in(period: Period) -> list[date]:
    """The days of a range on which the exchange was open; none where the range is backwards."""
    return [session.day for session in sessions(*period)] if period.first <= period.last else []


def has_session(period: Period) -> bool:
    """Whether the exchange has a session in a range (inclusive, may be empty)."""
    return period.first <= period.last and bool(sessions(*period))


def is_open(now: datetime) -> bool:
    """Whether a session is open at `now` (aware), or closed at most AFTER_CLOSE before it."""
    today = now.astimezone(NEW_YORK).date()
    return any(session.opens_at <= now <= session.closes_at + AFTER_CLOSE for session in sessions(today, today))
