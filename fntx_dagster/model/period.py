"""A range of days, inclusive on both ends: what a user asks about and what a run works on."""

from __future__ import annotations

from datetime import date
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
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


EVER = Period(date.min, date.max)
"""Every day there is."""
