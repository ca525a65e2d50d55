"""One trading day of a calendar: its moments, and where in it a moment lies.

An account has one of two calendars. `XNYS` is the New York Stock Exchange. `24/7` is that of markets that never close:
each day of UTC is a session, from its midnight (exclusive) to the next (inclusive), with no time before its open.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")

XNYS = "XNYS"
SEVEN_DAYS = "24/7"
ZONES = {XNYS: NEW_YORK, SEVEN_DAYS: ZoneInfo("UTC")}
"""Calendar → the zone of its days."""
CALENDARS = tuple(ZONES)

_MORNING = time(8)
_FIRST_SECOND = timedelta(seconds=1)


class Session(NamedTuple):
    """One trading day; the three moments are aware and in UTC."""

    day: date
    previous_close: datetime
    opens_at: datetime
    closes_at: datetime
    early_close: bool
    calendar: str = XNYS

    @property
    def previous_day(self) -> date:
        """The day of the session before. The table of sessions has the same rule (`previous_day`)."""
        if self.calendar == SEVEN_DAYS:
            return self.day - timedelta(days=1)
        return self.previous_close.astimezone(NEW_YORK).date()

    @property
    def morning(self) -> datetime:
        """The moment, in UTC, at which what comes in on a date alone is there: 08:00 in New York, before the open; the
        first second of a day that never closes. SQL has the same rule (`account_sessions.morning`)."""
        if self.calendar == SEVEN_DAYS:
            return self.opens_at + _FIRST_SECOND
        return datetime.combine(self.day, _MORNING, tzinfo=NEW_YORK).astimezone(UTC)

    def phase(self, moment: datetime) -> str:
        """The phase of an aware moment that is not after the close: `overnight`, `pre_market` or `intraday`.

        Overnight is every New York date before the session's own, so a whole weekend is overnight. Every moment of a
        calendar without a close is intraday. dbt has the same rule for cash movements (`dbt/macros/times.sql`).
        """
        if moment >= self.opens_at:
            return "intraday"
        return "overnight" if moment.astimezone(NEW_YORK).date() < self.day else "pre_market"
