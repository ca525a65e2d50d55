"""What waits for the chain too long, or has failed: the same findings for the check of a run and for the alert sensor.

The check runs only where the chain answers, so the sensor looks too; what both find under one source is one alert.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from fntx_dagster.errors import without_accounts
from fntx_dagster.store.alerts import Finding
from fntx_dagster.store.database import Database
from fntx_dagster.store.labels import account_labels
from fntx_dagster.store.sendings import Waiting, unfinished

KIND = "queue"
CHECK = "nothing_waits"
SOURCE = f"chain_receipt/{CHECK}"


def waiting_too_long(db: Database, hours: float, now: datetime) -> list[Finding]:
    """A finding for each failed record, and one for each account that has records older than `hours` in its queue."""
    records = sorted(unfinished(db), key=lambda one: one.account_id)
    called = account_labels(db)
    found: list[Finding] = []
    for account, waiting in groupby(records, key=lambda one: one.account_id):
        found += _of_account(called[account], list(waiting), now - timedelta(hours=hours))
    return found


def _of_account(label: str, records: list[Waiting], since: datetime) -> Iterator[Finding]:
    for one in records:
        if one.state == "failed":
            version = f" version {one.version}" if one.version > 1 else ""
            why = without_accounts(one.error or "").rstrip(".")
            way_out = f"`fntx signature resubmit --date {one.trading_day}` when that is settled"
            text = f"{label}: the record of {one.trading_day}{version} was not posted: {why}. {way_out}"
            yield Finding(f"{label} {one.trading_day}{version}", text, one.trading_day)
    old = [one for one in records if one.state != "failed" and one.queued_at < since]
    if old:
        oldest = min(one.queued_at for one in old)
        yield Finding(
            label,
            f"{label}: {len(old)} records from {old[0].trading_day} on wait for the chain, the oldest since "
            f"{oldest:%Y-%m-%d %H:%M} UTC: `fntx chain status` says more",
        )
