"""Times as a reader in Hong Kong sees them, with New York beside.

What belongs here: the two views of a UTC moment and their text. Names of months and weekdays are written out here
because strftime's follow the process's locale, and a report must not.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def month_day(day: date) -> str:
    """`July 17`."""
    return f"{_MONTHS[day.month - 1]} {day.day}"


def full_date(day: date) -> str:
    """`July 17, 2025`."""
    return f"{month_day(day)}, {day.year}"


def weekday_date(day: date) -> str:
    """`Thursday, July 17, 2025`."""
    return f"{_WEEKDAYS[day.weekday()]}, {full_date(day)}"


def clock_time(moment: datetime, zone: ZoneInfo) -> str:
    """`16:00 EDT`: hours and minutes of an aware moment in `zone`, with the zone's name at that moment."""
    return f"{moment.astimezone(zone):%H:%M %Z}"


def both_zones(starts_at: datetime, ends_at: datetime, *, undated: date | None = None) -> str:
    """A span in Hong Kong and New York time, to the minute.

    `00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17` where the dates differ, `13:15 HKT / 01:15 EDT, July 18`
    where they agree, and `21:30 HKT / 09:30 EDT` where they agree on `undated`, the trading day that the reader is
    in anyway.
    """
    hong_kong = (starts_at.astimezone(HONG_KONG), ends_at.astimezone(HONG_KONG))
    new_york = (starts_at.astimezone(NEW_YORK), ends_at.astimezone(NEW_YORK))
    dates = {moment.date() for moment in (*hong_kong, *new_york)}
    if len(dates) > 1:
        return f"{_dated(*hong_kong)} / {_dated(*new_york)}"
    clocks = f"{_clocks(*hong_kong)} / {_clocks(*new_york)}"
    return clocks if dates == {undated} else f"{clocks}, {month_day(dates.pop())}"


def utc_stamp(moment: datetime) -> str:
    """`2025-07-17T16:46:37Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def zone_stamp(moment: datetime, zone: ZoneInfo) -> str:
    """`2025-07-18 00:46:37 HKT`."""
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def _dated(starts: datetime, ends: datetime) -> str:
    if starts.date() == ends.date():
        return f"{_clocks(starts, ends)}, {month_day(starts)}"
    return f"{starts:%H:%M %Z}, {month_day(starts)} – {ends:%H:%M %Z}, {month_day(ends)}"


def _clocks(starts: datetime, ends: datetime) -> str:
    first, last = f"{starts:%H:%M}", f"{ends:%H:%M}"
    return f"{first} {starts:%Z}" if first == last else f"{first}–{last} {ends:%Z}"
