"""A trader's record on the chain, session by session: posted, late, amended, missing. For a stranger: no database.

The sessions are the exchange's (XNYS). A record counts as late when it was posted more than LATE_AFTER behind the
session's close: a late anchor does not prove that the figures were fixed on the day.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.chain.reader import StoredRecord, Version
from fntx_dagster.errors import Permanent

if TYPE_CHECKING:
    from fntx_dagster.chain.reader import Reader

LATE_AFTER = timedelta(hours=24)


class HistoryDay(NamedTuple):
    """A session, or another day that has a record. `versions`: oldest first, empty where nothing is posted; `closes_at`
    (UTC) is None where the exchange had no session."""

    day: date
    closes_at: datetime | None
    versions: tuple[Version, ...]

    @property
    def behind(self) -> timedelta | None:
        """From the session's close to the first posting; None where either is missing."""
        if self.closes_at is None or not self.versions:
            return None
        return self.versions[0].record.posted_at - self.closes_at

    @property
    def behind_in_words(self) -> str:
        """`17.2 hours`, from two days on in days; a dash where there is none."""
        if self.behind is None:
            return "–"
        hours = self.behind.total_seconds() / 3600
        return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:,.1f} days"

    @property
    def is_gap(self) -> bool:
        return self.closes_at is not None and not self.versions

    def is_late(self, after: timedelta = LATE_AFTER) -> bool:
        return self.behind is not None and self.behind > after

    @property
    def is_early(self) -> bool:
        """Posted before the session was over: the figures cannot be that session's."""
        return self.behind is not None and self.behind < timedelta(0)


def history_of(chain: Reader, trader: str, first: date, last: date, now: datetime) -> list[HistoryDay]:
    """Each session of the range that was over at `now` (aware), and each other day with a record, oldest first."""
    if first > last:
        raise Permanent(f"the range ends ({last}) before it begins ({first})", "Give --from the earlier day")
    stored = chain.history(trader, first, last)
    closes = {session.day: session.closes_at for session in sessions(first, last)}
    return [
        HistoryDay(day, closes.get(day), _versions(chain, trader, day, stored.get(day)))
        for day in sorted(closes.keys() | stored.keys())
        if day in stored or closes[day] <= now
    ]


def gaps(chain: Reader, trader: str, now: datetime, first: date, last: date) -> list[date]:
    """The sessions without a record between the trader's first and last records of the range."""
    days = history_of(chain, trader, first, last, now)
    posted = [one.day for one in days if one.versions]
    return [one.day for one in days if one.is_gap and posted and posted[0] < one.day < posted[-1]]


def _versions(chain: Reader, trader: str, day: date, newest: StoredRecord | None) -> tuple[Version, ...]:
    if newest is None:
        return ()
    if newest.version == 1:
        return (Version(newest, None, None),)
    found = (chain.version_of(trader, day, version) for version in range(1, newest.version + 1))
    return tuple(version for version in found if version is not None)
