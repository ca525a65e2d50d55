"""Signed days whose figures have changed since: the broker corrected a statement, and nothing is amended by itself."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.signatures.values import Difference, day_values, differences
from fntx_dagster.store import signatures
from fntx_dagster.store.database import Database
from fntx_dagster.store.signatures import SignedDay


class Drift(NamedTuple):
    """A signed day (its latest version) and the metrics that today's tables give another value."""

    signed: SignedDay
    differences: list[Difference]


def drifts(db: Database, first: date = date.min, last: date = date.max, account: str | None = None) -> list[Drift]:
    """The signed days of a range that have drifted, by account and day.

    A day that is not told now is none: its statements say so elsewhere. Nor is an account whose tables lack a metric.
    """
    found = []
    signed: dict[str, dict[date, SignedDay]] = {}
    for one in signatures.signed_days(db, first, last, account):
        signed.setdefault(one.account_id, {})[one.trading_day] = one
    for one, days in sorted(signed.items()):
        try:
            told = day_values(db, min(days), max(days), one)
        except Permanent:
            continue
        for (_, day), values in told.items():
            if day in days and (differing := differences(days[day], values)):
                found.append(Drift(days[day], differing))
    return found
