"""The times of a contract: a day at midnight, or at 23:59:59, which counts as the next midnight. Terms name no zone.

https://www.actusfrf.org/dictionary: a date is written `2013-01-01T00:00:00`.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(00:00(?::00)?|23:59:59))?", re.ASCII).fullmatch
_FIRST, _LAST = date(1900, 1, 1), date(2400, 1, 1)
_A_DAY = timedelta(days=1)


class Moment(NamedTuple):
    """A time of a contract. Moments sort by time. `closes`: the last second of the day, not its midnight."""

    day: date
    closes: bool = False

    @property
    def counted(self) -> date:
        """The day that a count of days begins or ends with."""
        return self.day + _A_DAY if self.closes else self.day

    def __str__(self) -> str:
        return f"{self.day}T{'23:59:59' if self.closes else '00:00'}"


def read_moment(text: str) -> Moment:
    """The moment that `2013-01-01`, `2013-01-01T00:00:00` or `2013-01-01T23:59:59` names. ValueError for anything
    else, and for a day outside of 1900 to 2399."""
    if not (written := _WRITTEN(text)):
        raise ValueError("it is neither a date nor a date with T00:00:00 or T23:59:59")
    day = date.fromisoformat(written[1])
    if not _FIRST <= day < _LAST:
        raise ValueError("the year is not between 1900 and 2399")
    return Moment(day, written[2] == "23:59:59")
