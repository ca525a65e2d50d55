"""Dates, date-times and numbers in every shape that statements have been seen to hold.

Two functions per type: `parse_…` turns a text into a value, and an empty text, `-` and `--` into None; `…_texts` turns
many texts into those that PostgreSQL reads as the values, empty for None. Both raise ValueError for an unreadable text.
Results are cached: the same day, minute and commission come by the thousand.

Dates with slashes are always read **day first**. `01/02/2025` is ambiguous; the broker offers both orders, only
day-first files have been seen, and guessing from other dates in a file would read the first days of a month one way and
the last days another. So `07/17/2025` is refused, with an error that says how to choose an unambiguous format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from fntx_dagster.model.session import NEW_YORK

_CACHED = 4096

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
    r"|(?P<d3>[0-9]{2})/(?P<m3>[0-9]{2})/(?P<y3>[0-9]{4})"
)
_TIME = re.compile(r"(?:[;,T]\s*|\s+)([0-9]{2}):?([0-9]{2}):?([0-9]{2})?(?:\s*(\S+))?")
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
def parse_date(text: str) -> date | None:
    """A calendar day: `20250717`, `2025-07-17` or `17/07/2025`; of a date-time its day as written."""
    plain = text.strip()
    if plain in _NO_DATE:
        return None
    day, rest = _leading_date(plain)
    if rest and not _TIME.fullmatch(rest):
        raise ValueError(_DATE_HELP)
    return day


def date_texts(texts: Sequence[str]) -> Sequence[str]:
    """Each as `2025-07-17`."""
    return [_date_text(text) if text else "" for text in texts]


@lru_cache(_CACHED)
def _date_text(text: str) -> str:
    day = parse_date(text)
    return day.isoformat() if day else ""


@lru_cache(_CACHED)
def parse_moment(text: str) -> datetime | None:
    """A moment in UTC: a date in any of its shapes, then `;`, `,`, `T` or a space, a time, and perhaps a zone.

    Without a zone the time is New York's; a date alone is that day's midnight in New York.
    """
    plain = text.strip()
    if plain in _NO_DATE:
        return None
    day, rest = _leading_date(plain)
    local, zone = _time(rest) if rest else (_MIDNIGHT, NEW_YORK)
    return datetime.combine(day, local, zone).astimezone(UTC)


def moment_texts(texts: Sequence[str]) -> Sequence[str]:
    """Each as `2025-07-17T16:46:37-04:00`, or the like."""
    return [_moment_text(text) if text else "" for text in texts]


def _moment_text(text: str) -> str:
    if (usual := _USUAL_MOMENT(text)) and (written := _around_the_clock(usual[1])):
        return f"{written[0]}{usual[2]}:{usual[3]}:{usual[4]}{written[1]}"
    moment = parse_moment(text)
    return moment.isoformat() if moment else ""


@lru_cache(_CACHED)
def _around_the_clock(text: str) -> tuple[str, str] | None:
    """A day's text before and after each time in New York; None for a day on which its clocks change."""
    day = _day(text)
    midnights = [datetime.combine(day + timedelta(days=days), _MIDNIGHT, NEW_YORK) for days in (0, 1)]
    if midnights[0].utcoffset() != midnights[1].utcoffset():
        return None
    before, _, after = midnights[0].isoformat().partition("00:00:00")
    return before, after


_DATE_HELP = "not a date: set the query's date format to yyyyMMdd (yyyy-MM-dd and dd/MM/yyyy are read too)"
_MOMENT_HELP = "not a date and time: set the query's formats to yyyyMMdd and HHmmss, separated by a semicolon"


def _leading_date(text: str) -> tuple[date, str]:
    match = _DATE.match(text)
    if not match:
        raise ValueError(_DATE_HELP)
    return _day(match[0]), text[match.end() :]


@lru_cache(_CACHED)
def _day(text: str) -> date:
    match = _DATE.fullmatch(text)
    if not match:
        raise ValueError(_DATE_HELP)
    groups = match.groupdict()
    year, month, day = (groups[f"{part}"] or groups[f"{part}2"] or groups[f"{part}3"] for part in "ymd")
    if int(year) not in _YEARS:
        raise ValueError(_DATE_HELP)
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        raise ValueError(_DATE_HELP) from None


@lru_cache(_CACHED)
def _time(text: str) -> tuple[time, ZoneInfo | timezone]:
    """The wall clock's time and its zone, from what follows a date."""
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(_MOMENT_HELP)
    hour, minute, second, zone = match.groups()
    try:
        local = time(int(hour), int(minute), int(second or 0))
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
