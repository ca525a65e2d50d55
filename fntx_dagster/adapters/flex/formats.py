"""Dates, date-times and numbers in every shape that statements have been seen to hold.

Two functions per type: `parse_…` turns a text into a value, and an empty text, `-` and `--` into None; `…_texts` turns
many texts into those that PostgreSQL reads as the values, empty for None. Both raise ValueError for an unreadable text.
Results are cached: the same day, minute and commission come by the thousand.

A date with slashes, `01/02/2025` or `01/02/25`, means one day or another by the order of day and month, and the broker
offers both. Without the order it raises OrderUnknown; `day_order` says which one a file has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from fntx_dagster.model.session import NEW_YORK

_CACHED = 4096


class DayOrder(StrEnum):
    """Which comes first in a date with slashes."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"


class OrderUnknown(ValueError):
    """A date with slashes is to be read, and nothing has said in which order."""


_DASHES = frozenset(("-", "--"))
_NOTHING = _DASHES | {"", "N/A"}
_NO_DATE = _NOTHING | {"MULTI", "Multi"}
"""A summary row of several executions has `MULTI` where each of them has its time."""

_LONGEST_NUMBER = 64
_YEARS = range(1900, 2200)
_PLAIN = re.compile(_NUMBER_AS_USUAL := r"[+-]?[0-9]{1,40}(?:\.[0-9]{0,20})?").fullmatch
_BETWEEN = "\x1f"
"""A sign that no XML holds."""
_PLAIN_NUMBERS = re.compile(f"(?:{_NUMBER_AS_USUAL})?(?:{_BETWEEN}(?:{_NUMBER_AS_USUAL})?)*").fullmatch
_MIDNIGHT = time()
_NUMBER = re.compile(r"[+-]?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,2})?")
_DATE = re.compile(
    r"(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})"
    r"|(?P<y2>[0-9]{4})-(?P<m2>[0-9]{2})-(?P<d2>[0-9]{2})"
    r"|(?P<first>[0-9]{2})/(?P<second>[0-9]{2})/(?P<y3>[0-9]{4}|[0-9]{2})(?![0-9])"
    r"|(?P<d4>[0-9]{2})-(?P<name>[A-Za-z]{3})-(?P<y4>[0-9]{4}|[0-9]{2})(?![0-9])"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = re.compile(r"(?:[;,T]\s*|\s+)([0-9]{2}):?([0-9]{2}):?(?:([0-9]{2})(?:\.([0-9]{6}))?)?(?:\s*(\S+))?")
_USUAL_MOMENT = re.compile(r"([0-9]{8});([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9])").fullmatch
_OFFSET = re.compile(r"([+-])([0-9]{2}):?([0-9]{2})")

_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3}
_ZONES |= {"EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}
_ZONES |= {"AKST": -9, "AKDT": -8, "HST": -10, "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11}
"""Hours from UTC by the abbreviation the broker writes; US readings where one is used twice in the world."""


def parse_text(text: str) -> str | None:
    """The text, or None where the broker wrote a dash for an empty value."""
    return None if text == "" or text == "-" or text == "--" else text


def plain_texts(texts: Sequence[str]) -> Sequence[str]:
    """Each as it is, or empty where the broker wrote a dash for an empty value."""
    return texts if _DASHES.isdisjoint(texts) else [parse_text(text) or "" for text in texts]


@lru_cache(_CACHED)
def parse_number(text: str) -> Decimal | None:
    """An exact decimal; thousands separators are accepted in their correct places."""
    number = _number_text(text)
    return Decimal(number) if number else None


def number_texts(texts: Sequence[str]) -> Sequence[str]:
    """Each without separators and spaces."""
    return texts if _PLAIN_NUMBERS(_BETWEEN.join(texts)) else [_number_text(text) for text in texts]


def _number_text(text: str) -> str:
    if _PLAIN(text):
        return text
    plain = text.strip()
    if plain in _NOTHING:
        return ""
    digits = plain.partition("e")[0].partition("E")[0].strip("+-.")
    if not digits or len(plain) > _LONGEST_NUMBER or not _NUMBER.fullmatch(plain):
        raise ValueError("not a number: use digits, an optional sign, `,` between thousands and `.` before decimals")
    return plain.replace(",", "")


@lru_cache(_CACHED)
def parse_date(text: str, order: DayOrder | None = None) -> date | None:
    """A calendar day: `20250717`, `2025-07-17`, `17-Jul-25`, or with slashes in the given order; of a date-time its day
    as written. A year of two digits is one of this century."""
    plain = text.strip()
    if plain in _NO_DATE:
        return None
    day, rest = _leading_date(plain, order)
    if rest and not _TIME.fullmatch(rest):
        raise ValueError(_DATE_HELP)
    return day


def date_texts(texts: Sequence[str], order: DayOrder | None = None) -> Sequence[str]:
    """Each as `2025-07-17`."""
    return [_date_text(text, order) if text else "" for text in texts]


@lru_cache(_CACHED)
def _date_text(text: str, order: DayOrder | None) -> str:
    day = parse_date(text, order)
    return day.isoformat() if day else ""


@lru_cache(_CACHED)
def parse_moment(text: str, order: DayOrder | None = None) -> datetime | None:
    """A moment in UTC: a date in any of its shapes, then `;`, `,`, `T` or a space, a time, and perhaps a zone.

    Without a zone the time is New York's. A date alone is no moment, and gives None.
    """
    plain = text.strip()
    if plain in _NO_DATE:
        return None
    day, rest = _leading_date(plain, order)
    if not rest:
        return None
    local, zone = _time(rest)
    return datetime.combine(day, local, zone).astimezone(UTC)


def moment_texts(texts: Sequence[str], order: DayOrder | None = None) -> Sequence[str]:
    """Each as `2025-07-17T16:46:37-04:00`, or the like."""
    return [_moment_text(text, order) if text else "" for text in texts]


def _moment_text(text: str, order: DayOrder | None) -> str:
    if (usual := _USUAL_MOMENT(text)) and (written := _around_the_clock(usual[1])):
        return f"{written[0]}{usual[2]}:{usual[3]}:{usual[4]}{written[1]}"
    moment = parse_moment(text, order)
    return moment.isoformat() if moment else ""


def midnight(day: date) -> datetime:
    """The moment in UTC at which a day begins in New York."""
    return datetime.combine(day, _MIDNIGHT, NEW_YORK).astimezone(UTC)


@lru_cache(_CACHED)
def _around_the_clock(text: str) -> tuple[str, str] | None:
    """A day's text before and after each time in New York; None for a day on which its clocks change."""
    day = _day(text, None)
    midnights = [datetime.combine(day + timedelta(days=days), _MIDNIGHT, NEW_YORK) for days in (0, 1)]
    if midnights[0].utcoffset() != midnights[1].utcoffset():
        return None
    before, _, after = midnights[0].isoformat().partition("00:00:00")
    return before, after


_DATE_HELP = "not a date: set the query's date format to yyyyMMdd, which is never ambiguous"
_MOMENT_HELP = "not a date and time: set the query's formats to yyyyMMdd and HHmmss, separated by a semicolon"


def _leading_date(text: str, order: DayOrder | None) -> tuple[date, str]:
    match = _DATE.match(text)
    if not match:
        raise ValueError(_DATE_HELP)
    return _day(match[0], order), text[match.end() :]


@lru_cache(_CACHED)
def _day(text: str, order: DayOrder | None) -> date:
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(_DATE_HELP)
    if match["first"] and order is None:
        raise OrderUnknown(_DATE_HELP)
    year, month, day = _parts(match, order)
    if year not in _YEARS:
        raise ValueError(_DATE_HELP)
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(_DATE_HELP) from None


def _parts(match: re.Match[str], order: DayOrder | None) -> tuple[int, int, int]:
    """Year, month and day, as numbers that need not be a date."""
    if match["first"]:
        first, second = int(match["first"]), int(match["second"])
        return _year(match["y3"]), *((second, first) if order is DayOrder.DAY_FIRST else (first, second))
    if match["name"]:
        name = match["name"].lower()
        return _year(match["y4"]), _MONTHS.index(name) + 1 if name in _MONTHS else 0, int(match["d4"])
    year, month, day = (int(match[part] or match[f"{part}2"]) for part in "ymd")
    return year, month, day


def _year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


@lru_cache(_CACHED)
def _time(text: str) -> tuple[time, ZoneInfo | timezone]:
    """The wall clock's time and its zone, from what follows a date."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(_MOMENT_HELP)
    hour, minute, second, fraction, zone = match.groups()
    try:
        local = time(int(hour), int(minute), int(second or 0), int(fraction or 0))
    except ValueError:
        raise ValueError(_MOMENT_HELP) from None
    return local, _zone(zone)


@lru_cache(256)
def _zone(name: str | None) -> ZoneInfo | timezone:
    if name is None:
        return NEW_YORK
    if name in _ZONES:
        return timezone(timedelta(hours=_ZONES[name]))
    if offset := _OFFSET.fullmatch(name):
        sign, hours, minutes = offset.groups()
        span = timedelta(hours=int(hours), minutes=int(minutes))
        return timezone(-span if sign == "-" else span)
    if "/" in name:
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(f"unknown time zone {name}: set the query's time zone to America/New_York")
