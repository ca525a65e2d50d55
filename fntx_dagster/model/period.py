"""A range of days, inclusive on both ends: what a user asks about and what a run works on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple


class Period(NamedTuple):
    """The days from `first` to `last`, both of them included; it unpacks into the two."""

    first: date
    last: date

    @classmethod
    def on(cls, day: date) -> Period:
        """One day alone."""
        return cls(day, day)

    def __contains__(self, day: object) -> bool:
        """Whether a day lies in the period."""
        return isinstance(day, date) and self.first <= day <= self.last

    def __str__(self) -> str:
        if self.first == self.last:
            return f"{self.first}"
        first, last = self.first != date.min, self.last != date.max
        if first and last:
            return f"{self.first} to {self.last}"
        return f"{self.first} and later" if first else f"{self.last} and earlier" if last else "any day"


EVER = Period(date.min, date.max)
"""Every day there is."""
_TOGETHER = timedelta(days=31)


def spans(days: Iterable[date]) -> list[Period]:
    """The periods that hold these days, in order: two days at most a month apart share one, so that few are read at
    once and little is read beside them."""
    periods: list[Period] = []
    for day in sorted(days):
        if periods and day - periods[-1].last <= _TOGETHER:
            periods[-1] = Period(periods[-1].first, day)
        else:
            periods.append(Period.on(day))
    return periods
