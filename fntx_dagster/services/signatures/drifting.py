"""Signed days whose figures have changed since, because the broker corrected a statement. Only a person amends them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import EVER, Period
from fntx_dagster.services.signatures.values import Difference, Values, day_values, differences
from fntx_dagster.store.database import Database
from fntx_dagster.store.outbox import signatures


class Drift(NamedTuple):
    """A signed day (its latest version) and the metrics that today's tables give another value."""

    signed: SignedDay
    differences: list[Difference]


class Unjudged(NamedTuple):
    """A signed day that could not be compared with today's tables, and why."""

    signed: SignedDay
    error: Permanent


class Drifts(NamedTuple):
    """The signed days that have drifted, and those that could not be compared; both by account and day."""

    drifted: list[Drift]
    unjudged: list[Unjudged]


def drifts(db: Database) -> Drifts:
    """Compare every signed day with today's tables. A day that cannot be compared does not hold up the others."""
    outcome = Drifts([], [])
    signed: dict[str, dict[date, SignedDay]] = {}
    for record in signatures.signed_days(db, EVER):
        signed.setdefault(record.account_id, {})[record.trading_day] = record
    for account_id, days in sorted(signed.items()):
        for day, values in _current(db, account_id, days):
            try:
                if isinstance(values, Permanent):
                    raise values
                if differing := differences(days[day], values):
                    outcome.drifted.append(Drift(days[day], differing))
            except Permanent as error:
                outcome.unjudged.append(Unjudged(days[day], error))
    return outcome


def _current(db: Database, account: str, days: Mapping[date, SignedDay]) -> Iterator[tuple[date, Values | Permanent]]:
    """What the tables say of each day: read at once, or day by day where one of them raises an error."""
    try:
        all_days = _values(db, Period(min(days), max(days)), account)
    except Permanent:
        all_days = None
    for day in sorted(days):
        try:
            values = all_days if all_days is not None else _values(db, Period.on(day), account)
            yield day, values.get((account, day)) or Permanent(f"{day} is not built now", "Run it with `fntx run`")
        except Permanent as error:
            yield day, error


def _values(db: Database, period: Period, account: str) -> Mapping[tuple[str, date], Values]:
    """Each call opens a snapshot of its own: after an error nothing more can be read from one."""
    with db.snapshot() as snapshot:
        return day_values(snapshot, period, account)
