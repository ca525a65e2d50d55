"""A trader's record on the chain, session by session: posted, late, amended, missing. For a stranger: no database.

The sessions are those of a calendar, the exchange's unless another is named. A version counts as late when it was
posted more than LATE_AFTER behind the session's close: a late anchor does not prove that the figures were fixed on the
day. Each version has its own delay: a correction can be late although the first version was not.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from fntx_dagster.accounting.calendar import sessions
from fntx_dagster.model.chain import StoredRecord, Version
from fntx_dagster.model.period import Period
from fntx_dagster.model.session import XNYS
from fntx_dagster.services.ranges import refuse_backwards

if TYPE_CHECKING:
    from fntx_dagster.adapters.evm.reader import Reader

LATE_AFTER = timedelta(hours=24)

KNOWN_YEARS = range(2007, 2041)
"""The years whose sessions every verifier knows; a record can be of any day from 1970 on."""

_SHOWN_VERSIONS = 20


class HistoryDay(NamedTuple):
    """A session, or another day that has a record. `versions`: the first and the newest ones, in order, empty where
    nothing is posted; `closes_at` (UTC) is None where the calendar had no session."""

    day: date
    closes_at: datetime | None
    versions: tuple[Version, ...]

    @property
    def is_gap(self) -> bool:
        return self.closes_at is not None and not self.versions

    @property
    def first(self) -> Version | None:
        return self.versions[0] if self.versions else None

    def behind(self, version: Version | None) -> timedelta | None:
        """From the session's close to the posting of a version; None where either is missing."""
        return None if self.closes_at is None or version is None else version.record.posted_at - self.closes_at

    def is_late(self, version: Version | None, after: timedelta = LATE_AFTER) -> bool:
        behind = self.behind(version)
        return behind is not None and behind > after

    def is_early(self, version: Version | None) -> bool:
        """Posted before the session was over: the figures cannot be that session's."""
        behind = self.behind(version)
        return behind is not None and behind < timedelta(0)


def in_words(behind: timedelta | None) -> str:
    """`17.2 hours`, from two days on in days; a dash where there is none. Whole numbers, as the strangers' verifiers
    compute it."""
    if behind is None:
        return "–"
    seconds = round(abs(behind).total_seconds())
    unit, name = (3600, "hours") if seconds < 48 * 3600 else (86400, "days")
    tenths = (seconds * 10 + unit // 2) // unit
    return f"{'-' if behind < timedelta(0) else ''}{tenths // 10:,}.{tenths % 10} {name}"


def closing_of(day: date) -> datetime | None:
    """When a day's session ended or will end (UTC); None where the exchange has none, and outside KNOWN_YEARS."""
    if day.year not in KNOWN_YEARS:
        return None
    return next((session.closes_at for session in sessions(day, day)), None)


def history_of(chain: Reader, trader: str, period: Period, now: datetime, calendar: str = XNYS) -> list[HistoryDay]:
    """Each session of the range that was over at `now` (aware), and each other day with a record, oldest first."""
    first, last = period
    refuse_backwards(period)
    stored = chain.history(trader, period)
    closes = {session.day: session.closes_at for session in sessions(first, last, calendar)}
    return [
        HistoryDay(day, closes.get(day), _versions(chain, trader, day, stored.get(day)))
        for day in sorted(closes.keys() | stored.keys())
        if day in stored or closes[day] <= now
    ]


def gaps(posted: Collection[date], period: Period, now: datetime, calendar: str = XNYS) -> list[date]:
    """The sessions over at `now` (aware) that are not among the days `posted`, from the first day of the period, the
    trader's first signed one, to the last posted one."""
    first, last = period
    newest = max(posted, default=first)
    return [
        session.day
        for session in sessions(first, last, calendar)
        if session.day < newest and session.day not in posted and session.closes_at <= now
    ]


def _versions(chain: Reader, trader: str, day: date, newest: StoredRecord | None) -> tuple[Version, ...]:
    if newest is None:
        return ()
    if newest.version == 1:
        return (Version(newest, None, None),)
    # a contract that is none of ours may claim any number of them
    numbers = {1, *range(max(1, newest.version - _SHOWN_VERSIONS + 2), newest.version + 1)}
    versions = (chain.version_of(trader, day, number) for number in sorted(numbers))
    return tuple(version for version in versions if version is not None)
