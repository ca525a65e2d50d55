"""The records that wait for the chain: which can be posted now, and which have failed or wait too long.

The check of a run looks only where the chain answers, so the alert sensor looks too; what both find under one source is
one alert.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from fntx_dagster.adapters.evm.client import addresses_of
from fntx_dagster.errors import without_accounts
from fntx_dagster.model.chain import Unfinished
from fntx_dagster.model.finding import Finding, Observed
from fntx_dagster.model.period import Period
from fntx_dagster.report.clock import utc_minute
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Readable
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.outbox.sendings import unfinished
from fntx_dagster.store.outbox.signatures import posted_days

KIND = "queue"
CHECK = "no_record_waits"
SOURCE = f"chain_receipt/{CHECK}"
_BLOCK_SECONDS = 12
"""The slowest of the chains that matter."""


def observed_queue(settings: Settings, db: Readable, now: datetime) -> Observed:
    """What has failed, or waits longer than the settings allow, at `now` (aware)."""
    return Observed(KIND, SOURCE, waiting_too_long(db, settings.posting.waiting_hours, now))


def waiting_too_long(db: Readable, hours: float, now: datetime) -> list[Finding]:
    """For each account a finding for each reason why records of it have failed, and one for what is older than `hours`
    in its queue."""
    records: dict[str, list[Unfinished]] = {}
    for record in unfinished(db):
        records.setdefault(record.account_id, []).append(record)
    labels = account_labels(db)
    since = now - timedelta(hours=hours)
    return [finding for account in sorted(records) for finding in _of_account(labels[account], records[account], since)]


def waiting_here(settings: Settings, db: Readable) -> list[Unfinished]:
    """What the chain of the settings can take. A record that is bound to another chain, or has failed, waits for a
    person. Raises Permanent where the settings name no contracts of their chain."""
    first = settings.dagster.earliest
    records = [record for record in unfinished(db) if record.state != "failed" and record.trading_day >= first]
    if not records:
        return []
    here = addresses_of(settings)
    return [record for record in records if (record.chain_id, record.contract) == (here.chain_id, here.track_record)]


def is_ripe(settings: Settings, db: Readable, records: Sequence[Unfinished], now: datetime) -> bool:
    """Whether there is something to send, or a mined record for which there was time to become final."""
    if any(record.state != "mined" for record in records):
        return True
    depth = timedelta(seconds=settings.chain.confirmations * _BLOCK_SECONDS)
    mined = posted_days(db, Period(records[0].trading_day, records[-1].trading_day))
    return any(posted.posted_at + depth <= now for posted in mined if not posted.is_final)


def _of_account(label: str, records: list[Unfinished], since: datetime) -> Iterator[Finding]:
    failed: dict[str, list[Unfinished]] = {}
    for record in records:
        if record.state == "failed":
            failed.setdefault(without_accounts(record.error or "").rstrip("."), []).append(record)
    for why, days in failed.items():
        first, last = days[0].trading_day, days[-1].trading_day
        span, more = (f"{first}", "") if first == last else (f"{first} to {last}", f" --to {last}")
        what = "the record" if len(days) == 1 else f"{len(days)} records"
        yield Finding(
            f"{label} {first}",
            f"{label}: {what} of {span} not posted: {why}. When that is settled: "
            f"`fntx signature resubmit --date {first}{more}`",
            first,
        )
    old = [record for record in records if record.state != "failed" and record.queued_at < since]
    if old:
        oldest = min(record.queued_at for record in old)
        yield Finding(
            label,
            f"{label}: {len(old)} records from {old[0].trading_day} on wait for the chain, the oldest since "
            f"{utc_minute(oldest)}: `fntx chain status` says more",
        )
