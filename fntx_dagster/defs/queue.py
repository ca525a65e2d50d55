"""What waits for the chain too long, or has failed: the same findings for the check of a run and for the alert sensor.

The check runs only where the chain answers, so the sensor looks too; what both find under one source is one alert.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from fntx_dagster.errors import without_accounts
from fntx_dagster.model.chain import Unfinished
from fntx_dagster.model.finding import Finding
from fntx_dagster.services.accounts import account_labels
from fntx_dagster.services.database import Database
from fntx_dagster.store.outbox.sendings import unfinished

KIND = "queue"
CHECK = "no_record_waits"
SOURCE = f"chain_receipt/{CHECK}"


def waiting_too_long(db: Database, hours: float, now: datetime) -> list[Finding]:
    """For each account a finding for each reason why records of it have failed, and one for what is older than `hours`
    in its queue."""
    records: dict[str, list[Unfinished]] = {}
    for one in unfinished(db):
        records.setdefault(one.account_id, []).append(one)
    called = account_labels(db)
    since = now - timedelta(hours=hours)
    return [found for account in sorted(records) for found in _of_account(called[account], records[account], since)]


def _of_account(label: str, records: list[Unfinished], since: datetime) -> Iterator[Finding]:
    failed: dict[str, list[Unfinished]] = {}
    for one in records:
        if one.state == "failed":
            failed.setdefault(without_accounts(one.error or "").rstrip("."), []).append(one)
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
    old = [one for one in records if one.state != "failed" and one.queued_at < since]
    if old:
        oldest = min(one.queued_at for one in old)
        yield Finding(
            label,
            f"{label}: {len(old)} records from {old[0].trading_day} on wait for the chain, the oldest since "
            f"{oldest:%Y-%m-%d %H:%M} UTC: `fntx chain status` says more",
        )
