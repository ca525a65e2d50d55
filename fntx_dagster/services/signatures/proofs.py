"""The proof of each day of a report: its record, its receipt, and whether today's tables still say what was signed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime

from fntx_dagster.errors import Permanent
from fntx_dagster.model.chain import DayProof, PostedDay, SignedDay
from fntx_dagster.model.period import Period
from fntx_dagster.services.signatures.checking import posting_of
from fntx_dagster.services.signatures.history import in_words
from fntx_dagster.services.signatures.refusals import BLOCKING_KINDS
from fntx_dagster.services.signatures.values import day_values, differences
from fntx_dagster.store.database import Readable
from fntx_dagster.store.marts.verification import verifications
from fntx_dagster.store.outbox import signatures


def day_proofs(db: Readable, account: str, days: Collection[date]) -> dict[date, DayProof]:
    """Session → the proof of its newest signed version, for those of `days` that are signed. Nothing asks a node: the
    receipts are those that were read back when the records were posted."""
    if not days:
        return {}
    period, chosen = Period(min(days), max(days)), set(days)
    signed = {record.trading_day: record for record in signatures.signed_days(db, period, account)}
    if not signed:
        return {}
    posted = {(record.trading_day, record.version): record for record in signatures.posted_days(db, period, account)}
    failed = Counter(
        equation.trading_day for equation in verifications(db, period, account, kinds=BLOCKING_KINDS, failed_only=True)
    )
    changed = _changed(db, account, signed)
    return {
        day: _proof(record, posted.get((day, record.version)), changed.get(day), failed[day])
        for day, record in signed.items()
        if day in chosen
    }


def _proof(signed: SignedDay, posted: PostedDay | None, changed: tuple[str, ...] | None, failed: int) -> DayProof:
    if posted is None:
        return DayProof(signed, None, in_words(None), False, False, changed, failed)
    at = posting_of(signed.trading_day, posted.posted_at, _closed_at(signed))
    return DayProof(signed, posted, in_words(at.behind), at.is_late, at.is_early, changed, failed)


def _closed_at(signed: SignedDay) -> datetime | None:
    """When the session ended, by the record itself (UTC); None where its catalogue does not say."""
    seconds = signed.values.get("session_close_utc")
    return None if seconds is None else datetime.fromtimestamp(int(seconds), UTC)


def _changed(db: Readable, account: str, signed: Mapping[date, SignedDay]) -> dict[date, tuple[str, ...]]:
    """The metrics of each day that today's tables give another value; without the days that cannot be compared."""
    changed = {}
    current = day_values(db, Period(min(signed), max(signed)), account, skip_incomplete=True)
    for day, record in signed.items():
        values = current.get((account, day))
        if values is None:  # it has no metrics
            continue
        try:
            changed[day] = tuple(difference.metric for difference in differences(record, values))
        except Permanent:  # signed by a newer program
            continue
    return changed
