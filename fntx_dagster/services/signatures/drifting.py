"""Signed days whose figures have changed since, because the broker corrected a statement. Only a person amends them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import NamedTuple

from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import SignedDay
from fntx_dagster.model.period import EVER, Period, spans
from fntx_dagster.model.shards import Accounts, is_among
from fntx_dagster.services.signatures.values import Difference, Values, day_values, differences
from fntx_dagster.store.database import Database, Readable
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


def drifts(db: Database, only: Accounts = None) -> Drifts:
    """Compare every signed day, of all accounts or of those of `only`, with today's tables. A day that cannot be
    compared does not hold up the others."""
    outcome = Drifts([], [])
    for account in sorted(signatures.last_signed_sessions(db)):
        if not is_among(account, only):
            continue
        for signed, values in _signed_and_current(db, account):
            try:
                if isinstance(values, Permanent):
                    raise values
                if differing := differences(signed, values):
                    outcome.drifted.append(Drift(signed, differing))
            except Permanent as error:
                outcome.unjudged.append(Unjudged(signed, error))
    return outcome


def still_drifted(db: Readable, account: str, days: Collection[date]) -> set[date]:
    """Of these signed days of an account, those whose figures in the tables are not the signed ones, and those that
    cannot be compared, alone or with the days around them. Only these days and the few between them are read."""
    return {
        signed.trading_day
        for span in spans(days)
        for signed, values in _signed_and_built(db, account, span)
        if signed.trading_day in days and _is_another(signed, values)
    }


def _is_another(signed: SignedDay, values: Values | Permanent) -> bool:
    try:
        return isinstance(values, Permanent) or bool(differences(signed, values))
    except Permanent:  # signed by a newer program
        return True


def _signed_and_current(db: Database, account: str) -> Iterator[tuple[SignedDay, Values | Permanent]]:
    """Each signed day and what the tables say of it: read at once, or day by day where one of them raises an error."""
    signed = _read(db, account, EVER)
    if any(isinstance(values, Permanent) for _, values in signed):
        for record, _ in signed:
            yield from _read(db, account, Period.on(record.trading_day))
    else:
        yield from signed


def _read(db: Database, account: str, period: Period) -> list[tuple[SignedDay, Values | Permanent]]:
    """The signed days of a period and their values, from one snapshot: an amendment in between would look like a drift.
    Each call opens a snapshot of its own, because after an error nothing more can be read from one."""
    with db.snapshot() as snapshot:
        return _signed_and_built(snapshot, account, period)


def _signed_and_built(db: Readable, account: str, period: Period) -> list[tuple[SignedDay, Values | Permanent]]:
    signed = signatures.signed_days(db, period, account)
    if not signed:
        return []
    try:
        values = day_values(db, Period(signed[0].trading_day, signed[-1].trading_day), account)
    except Permanent as error:
        return [(record, error) for record in signed]
    return [(record, values.get((account, record.trading_day)) or _not_built(record)) for record in signed]


def _not_built(record: SignedDay) -> Permanent:
    return Permanent(f"{record.trading_day} is not built now", "Run it with `fntx run`")
