"""Days on which nothing is paid, and where a payment due on one of them moves.

ACTUS, business day convention: `SC` shifts a date and counts days from the shifted one, `CS` counts from the date
before the shift; F is following, P preceding, M modified: never into another month.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import NamedTuple

from fntx_dagster.bonds.moments import Moment

CALENDARS = ("NC", "MF")
"""NC: every day is a business day; MF: Monday to Friday."""
NO_SHIFT = ("NOS", "NULL")
"""NULL is the word of older contracts for the same."""
CONVENTIONS = (*NO_SHIFT, "SCF", "SCMF", "SCP", "SCMP", "CSF", "CSMF", "CSP", "CSMP")
_WRITTEN = re.compile(r"(SC|CS)(M?)(F|P)").fullmatch


class BusinessDays(NamedTuple):
    """How dates are moved. `counts_shifted`: interest is counted up to the shifted date (SC), not the other (CS)."""

    calendar: str = "NC"
    shifts: bool = False
    counts_shifted: bool = False
    modified: bool = False
    preceding: bool = False

    def paid(self, moment: Moment) -> Moment:
        """When something due at `moment` is paid."""
        return Moment(self.shifted(moment.day), moment.closes)

    def counted(self, moment: Moment) -> date:
        """The day up to which interest due at `moment` is counted."""
        return self.paid(moment).counted if self.counts_shifted else moment.counted

    def shifted(self, day: date) -> date:
        if not self.shifts or self._is_open(day):
            return day
        moved = self._next(day, -1 if self.preceding else 1)
        if self.modified and moved.month != day.month:
            return self._next(day, 1 if self.preceding else -1)
        return moved

    def _is_open(self, day: date) -> bool:
        return self.calendar == "NC" or day.weekday() < 5

    def _next(self, day: date, step: int) -> date:
        while not self._is_open(day):
            day += timedelta(days=step)
        return day


def business_days(convention: str | None, calendar: str | None) -> BusinessDays:
    """What the terms `businessDayConvention` and `calendar` say; None for one that is not given. ValueError for a value
    that is none of `CONVENTIONS` or `CALENDARS`."""
    calendar = calendar or "NC"
    if calendar not in CALENDARS:
        raise ValueError(f"the calendar is none of {', '.join(CALENDARS)}")
    if convention in (None, *NO_SHIFT):
        return BusinessDays(calendar)
    if not (written := _WRITTEN(convention or "")):
        raise ValueError(f"the convention is none of {', '.join(CONVENTIONS)}")
    return BusinessDays(calendar, True, written[1] == "SC", written[2] == "M", written[3] == "P")
