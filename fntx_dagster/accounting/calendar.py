"""The trading days of a calendar, and to which of them a moment belongs.

The trading day D runs from the previous session's close (exclusive) to D's close (inclusive): an assignment booked at
16:20 on Thursday belongs to Friday, and what happens on a holiday belongs to the next session. In the calendar 24/7
each day is a session, and what happens at 00:00 UTC belongs to the day that ends then. Holidays and early closes come
from `exchange_calendars`; nothing here knows an account or a fill.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter

from fntx_dagster.errors import Permanent
from fntx_dagster.model.session import SEVEN_DAYS, XNYS, ZONES, Session

LONGEST_CLOSURE = timedelta(days=14)
"""Longer than any closure of the exchange since 2000: so many days always hold a session."""


def sessions(first: date, last: date, calendar: str = XNYS) -> tuple[Session, ...]:
    """The sessions of the days `first` to `last`, both included, in order."""
    if calendar == SEVEN_DAYS:
        return tuple(_whole_day(first + timedelta(days=number)) for number in range((last - first).days + 1))
    known = _around(first, last)
    return known[bisect_left(known, first, key=_day) : bisect_right(known, last, key=_day)]


def last_session(on_or_before: date, calendar: str = XNYS) -> Session:
    """The latest session on a day or before it."""
    return sessions(on_or_before - LONGEST_CLOSURE, on_or_before, calendar)[-1]


def session_at(moment: datetime) -> Session:
    """The exchange's session that is `today` at an aware moment: the latest on or before its New York date.

    From the close on it stays the same until midnight in New York before the next session, where that session's
    pre-market begins (`Session.phase`): Friday 17:00, Saturday and Sunday still show Friday, a holiday the session
    before it.
    """
    return last_session(moment.astimezone(ZONES[XNYS]).date())


_day = attrgetter("day")
_known: tuple[date, date, tuple[Session, ...]] = (date.max, date.min, ())
"""The longest range of whole years asked for so far, and its sessions: a calendar takes a while to build, and a
run asks for several ranges."""


def _around(first: date, last: date) -> tuple[Session, ...]:
    """The sessions of a range that contains the given one."""
    global _known
    begin, end, known = _known
    if not begin <= first <= last <= end:
        begin, end = min(begin, date(max(first.year - 2, 1), 1, 1)), max(end, date(min(last.year + 1, 9999), 12, 31))
        known = _sessions(begin, end)
        _known = begin, end, known
    return known


def _sessions(first: date, last: date) -> tuple[Session, ...]:
    import exchange_calendars  # imports pandas and takes half a second: only callers that need a calendar pay

    exchange = exchange_calendars.get_calendar("XNYS", start=first - LONGEST_CLOSURE, end=last + LONGEST_CLOSURE)
    early = {moment.date() for moment in exchange.early_closes}
    schedule = exchange.schedule
    days = [moment.date() for moment in schedule.index]
    opens = [moment.to_pydatetime().astimezone(UTC) for moment in schedule["open"]]
    closes = [moment.to_pydatetime().astimezone(UTC) for moment in schedule["close"]]
    return tuple(
        Session(days[i], closes[i - 1], opens[i], closes[i], days[i] in early)
        for i in range(1, len(days))
        if first <= days[i] <= last
    )


def _whole_day(day: date) -> Session:
    begins, ends = (datetime.combine(day + timedelta(days=after), time(), tzinfo=UTC) for after in (0, 1))
    return Session(day, begins, begins, ends, False, SEVEN_DAYS)


def why_closed(day: date, calendar: str = XNYS) -> str | None:
    """Why a calendar has no session on a day: the holiday's name, `weekend`, `holiday` for one that has no name in the
    calendar; None on a session's day."""
    if calendar == SEVEN_DAYS:
        return None
    if day.weekday() > 4:
        return "weekend"
    if sessions(day, day):
        return None
    import exchange_calendars

    rules = exchange_calendars.get_calendar("XNYS").regular_holidays
    names = [] if rules is None else list(rules.holidays(day, day, return_name=True))
    return str(names[0]) if names else "holiday"


class Calendar:
    """Looks the sessions of one calendar up by moment and by day; `zone` is that of its days. Permanent beyond the
    sessions that it was given."""

    def __init__(self, sessions: Iterable[Session]) -> None:
        self.sessions = tuple(sessions)
        if not self.sessions:
            raise Permanent("a calendar needs at least one session", "Ask for a range of days that holds a trading day")
        self.zone = ZONES[self.sessions[0].calendar]
        self._days = [session.day for session in self.sessions]
        self._closes = [session.closes_at for session in self.sessions]

    def date_of(self, moment: datetime) -> date:
        """The date of an aware moment where the calendar's days are counted."""
        return moment.astimezone(self.zone).date()

    def ending_at(self, close: datetime) -> date:
        """The day of the session that ends with a close."""
        return self.date_of(close - datetime.resolution)

    def at(self, moment: datetime) -> Session:
        """The session whose trading day holds an aware moment: previous close < moment <= close."""
        if not self.sessions[0].previous_close < moment <= self._closes[-1]:
            raise self._beyond(moment.isoformat())
        return self.sessions[bisect_left(self._closes, moment)]

    def on_or_after(self, day: date) -> Session:
        """The first session on or after a calendar day: the official day of what a statement reports for that day."""
        if not self.sessions[0].previous_day < day <= self._days[-1]:
            raise self._beyond(day.isoformat())
        return self.sessions[bisect_left(self._days, day)]

    def on_or_before(self, day: date) -> Session:
        """The last session on or before a calendar day."""
        if not self._days[0] <= day <= self._days[-1]:
            raise self._beyond(day.isoformat())
        return self.sessions[bisect_right(self._days, day) - 1]

    def after(self, day: date) -> Session:
        """The first session after a calendar day."""
        return self.on_or_after(day + timedelta(days=1))

    def _beyond(self, what: str) -> Permanent:
        return Permanent(
            f"{what} lies outside the calendar from {self._days[0]} to {self._days[-1]}",
            "Build the calendar for a range of days that holds it",
        )
