"""Times as the report's reader sees them, in Hong Kong unless another zone is asked for, with the market's beside: New
York, or UTC where the market never closes.

What belongs here: the two views of a UTC moment and their text, and which zone a reader means. Names of months and
weekdays are written out here because strftime's follow the process's locale, and a report must not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from fntx_dagster.errors import Permanent
from fntx_dagster.model.session import HONG_KONG, NEW_YORK

_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name, such as `Europe/London`; Permanent names those that were probably meant."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder of zones, such as `America`, is an OSError
        way_out = f"{_meant(name)}--tz and FNTX_TIME_ZONE take an IANA name, such as Europe/London"
        raise Permanent(f"there is no time zone {name!r}", way_out) from None


def zones_sentence(observer: ZoneInfo, markets: Iterable[ZoneInfo] = ()) -> str:
    """`Hong Kong time first, New York time second.`: the sentence in which a report names its zones. `markets` are
    those of the report's days; New York's where there is none."""
    seconds = [place(zone) for zone in dict.fromkeys(markets) or (NEW_YORK,)]
    if seconds == [place(observer)]:
        return f"{place(observer)} time."
    return f"{place(observer)} time first, {' or '.join(seconds)} time second."


def place(zone: ZoneInfo) -> str:
    """What a zone's time is called after: `Hong Kong`, `Buenos Aires`, `UTC`."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def month_day(day: date) -> str:
    """`July 17`."""
    return f"{_MONTHS[day.month - 1]} {day.day}"


def month_year(day: date) -> str:
    """`July 2025`."""
    return f"{_MONTHS[day.month - 1]} {day.year}"


def month_name(month: int) -> str:
    """`July` for 7."""
    return _MONTHS[month - 1]


def full_date(day: date) -> str:
    """`July 17, 2025`."""
    return f"{month_day(day)}, {day.year}"


def weekday_date(day: date) -> str:
    """`Thursday, July 17, 2025`."""
    return f"{_WEEKDAYS[day.weekday()]}, {full_date(day)}"


def span(first: date, last: date) -> str:
    """`July 17, 2025` for one day, `July 17 – July 18, 2025` for several."""
    if first == last:
        return full_date(first)
    return f"{month_day(first) if first.year == last.year else full_date(first)} – {full_date(last)}"


def clock_time(moment: datetime, zone: ZoneInfo) -> str:
    """`16:00 EDT`: hours and minutes of an aware moment in `zone`, with the zone's name at that moment."""
    local = moment.astimezone(zone)
    return f"{local:%H:%M} {_abbreviation(local)}"


def both_zones(
    starts_at: datetime,
    ends_at: datetime,
    observer: ZoneInfo = HONG_KONG,
    *,
    market: ZoneInfo = NEW_YORK,
    undated: date | None = None,
) -> str:
    """A span in the observer's and in the market's time, to the minute; once where the two are the same.

    `00:46–00:50 HKT, July 18 / 12:46–12:50 EDT, July 17` where the dates differ, `13:15 HKT / 01:15 EDT, July 18`
    where they agree, and `21:30 HKT / 09:30 EDT` where they agree on `undated`, the trading day that the reader is
    in anyway.
    """
    here = (starts_at.astimezone(observer), ends_at.astimezone(observer))
    there = (starts_at.astimezone(market), ends_at.astimezone(market))
    dates = {moment.date() for moment in (*here, *there)}
    if len(dates) > 1:
        return _once(_dated(*here), _dated(*there))
    clocks = _once(_clocks(*here), _clocks(*there))
    return clocks if dates == {undated} else f"{clocks}, {month_day(dates.pop())}"


def utc_stamp(moment: datetime) -> str:
    """`2025-07-17T16:46:37Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def utc_minute(moment: datetime) -> str:
    """`2025-07-17 16:46 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def zone_stamp(moment: datetime, zone: ZoneInfo) -> str:
    """`2025-07-18 00:46:37 HKT`."""
    local = moment.astimezone(zone)
    return f"{local:%Y-%m-%d %H:%M:%S} {_abbreviation(local)}"


def _meant(name: str) -> str:
    from difflib import get_close_matches

    known = {name.lower(): name for name in sorted(available_timezones())}
    places = {name.rsplit("/", 1)[-1]: full for name, full in known.items()}
    wanted = name.strip().lower().replace(" ", "_")
    if not (meant := known.get(wanted) or places.get(wanted)):
        close = get_close_matches(wanted, [*known, *places], n=1, cutoff=0.75)
        meant = (known | places)[close[0]] if close else None
    return f"Did you mean {meant}? " if meant else ""


def _once(here: str, there: str) -> str:
    return here if here == there else f"{here} / {there}"


def _dated(starts: datetime, ends: datetime) -> str:
    if starts.date() == ends.date():
        return f"{_clocks(starts, ends)}, {month_day(starts)}"
    first, last = (f"{moment:%H:%M} {_abbreviation(moment)}, {month_day(moment)}" for moment in (starts, ends))
    return f"{first} – {last}"


def _clocks(starts: datetime, ends: datetime) -> str:
    first, last = f"{starts:%H:%M}", f"{ends:%H:%M}"
    return f"{first if first == last else f'{first}–{last}'} {_abbreviation(ends)}"


def _abbreviation(local: datetime) -> str:
    """`HKT`; `UTC+5:45` where a zone's time has no name of its own."""
    name = f"{local:%Z}"
    if name[:1] not in "+-":
        return name
    hours, minutes = name[1:3], name[3:5].strip("0") and name[3:5]
    return f"UTC{name[0]}{int(hours)}{f':{minutes}' if minutes else ''}"
