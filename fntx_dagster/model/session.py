"""One session of the New York Stock Exchange: its three moments, and where in it a moment lies."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

HONG_KONG = ZoneInfo("Asia/Hong_Kong")
NEW_YORK = ZoneInfo("America/New_York")


class Session(NamedTuple):
    """One trading day; the three moments are aware and in UTC."""

    day: date
    previous_close: datetime
    opens_at: datetime
    closes_at: datetime
    early_close: bool

    def phase(self, moment: datetime) -> str:
        """The phase of an aware moment that is not after the close: `overnight`, `pre_market` or `intraday`.

        Overnight is every New York date before the session's own, so a whole weekend is overnight. dbt has the same
        rule for cash movements (`dbt/macros/times.sql`).
        """
        if moment >= self.opens_at:
            return "intraday"
        return "overnight" if moment.astimezone(NEW_YORK).date() < self.day else "pre_market"
