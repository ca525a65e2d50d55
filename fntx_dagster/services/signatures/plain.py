"""What a check, a trader's record and a verdict are in plain values, for programs. The names of the fields stay."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from fntx_dagster.services.signatures.track_record import NOT_CHECKED

if TYPE_CHECKING:
    from fntx_dagster.model.chain import SignedDay
    from fntx_dagster.proof.disclosure import Verdicts
    from fntx_dagster.services.signatures.checking import Checked
    from fntx_dagster.services.signatures.history import HistoryDay
    from fntx_dagster.services.signatures.posting import Posting
    from fntx_dagster.services.signatures.track_record import TraderRecord
    from fntx_dagster.services.signatures.verifying import RecordVerdict


def check_as_dict(checked: Checked) -> dict[str, Any]:
    """A stranger's check of a disclosure."""
    disclosure, posted = checked.disclosure, checked.posted
    return {
        "verdict": checked.verdict,
        "holds": checked.holds,
        "on_chain": checked.on_chain,
        "not_checked_on_chain": checked.away,
        "problems": checked.problems,
        "notes": checked.notes,
        "not_checked": checked.not_checked,
        "posted": posted
        and {
            "posted_at": posted.posted_at,
            "hours_behind_the_close": _hours(posted.behind),
            "is_late": posted.is_late,
            "is_early": posted.is_early,
        },
        "superseded_by": checked.superseded_by,
        "superseded_reason": checked.superseded_reason,
        "disclosure": disclosure
        and {
            "chain_id": str(disclosure.context.chain_id),
            "contract": disclosure.context.contract,
            "trader": disclosure.context.trader,
            "date": disclosure.context.day,
            "version": disclosure.version,
            "root": f"0x{disclosure.root.hex()}",
            "transaction": disclosure.transaction,
        },
        "metrics": _metrics(checked.verdicts),
        "extension": disclosure
        and disclosure.extension
        and {"root": f"0x{disclosure.extension.root.hex()}", "metrics": _metrics(checked.of_extension)},
    }


def record_as_dict(record: TraderRecord, late: timedelta) -> dict[str, Any]:
    """A trader's record, its days and their counts; a posting is late when it lies more than `late` behind the
    close."""
    days = [_day(day, late, record.settled_at) for day in record.days]
    return {"not_checked": [NOT_CHECKED], "summary": record.counts(late)._asdict(), "days": days}


def verdict_as_dict(verdict: RecordVerdict) -> dict[str, Any]:
    """The owner's own check of a signed day."""
    return {
        "trading_day": verdict.day.trading_day,
        "version": verdict.day.version,
        "holds": verdict.holds,
        "root": f"0x{verdict.day.root.hex()}",
        "extension_root": verdict.day.extension_root,
        "tx_hash": verdict.posted.tx_hash if verdict.posted else None,
        "differences": [difference._asdict() for difference in verdict.differences],
        "problems": verdict.problems,
    }


def signed_as_dict(new: Iterable[SignedDay], kept: Iterable[SignedDay], posting: Posting | None) -> dict[str, Any]:
    """Records that were frozen now, those that were before, and what became of them on the chain."""
    return {
        "signed": [_signed(day) for day in new],
        "signed_before": [_signed(day) for day in kept],
        "posted": posting_as_dict(posting),
    }


def posting_as_dict(posting: Posting | None) -> list[dict[str, Any]] | None:
    """The receipt of each record; None where nothing was to be posted."""
    if posting is None:
        return None
    return [
        {
            "trading_day": receipt.trading_day,
            "version": receipt.version,
            "transaction": receipt.tx_hash,
            "block": receipt.block_number,
            "is_new": receipt in posting.new,
            "is_final": receipt.is_final,
        }
        for receipt in posting.new + posting.kept
    ]


def _metrics(verdicts: Verdicts) -> list[dict[str, Any]]:
    return [
        {
            "index": metric.index,
            "name": metric.name,
            "unit": metric.unit,
            "value": metric.value,
            "scaled": None if metric.scaled is None else str(metric.scaled),
            "holds": leads,
        }
        for metric, leads in verdicts
    ]


def _signed(day: SignedDay) -> dict[str, Any]:
    return {
        "trading_day": day.trading_day,
        "version": day.version,
        "root": f"0x{day.root.hex()}",
        "extension_root": day.extension_root,
    }


def _day(day: HistoryDay, late: timedelta, settled_at: datetime) -> dict[str, Any]:
    return {
        "date": day.day,
        "closes_at": day.closes_at,
        "is_gap": day.is_gap,
        "versions": [
            {
                "version": version.record.version,
                "root": f"0x{version.record.root.hex()}",
                "schema_hash": f"0x{version.record.schema_hash.hex()}",
                "posted_at": version.record.posted_at,
                "hours_behind_the_close": _hours(day.behind(version)),
                "is_late": day.is_late(version, late),
                "is_early": day.is_early(version),
                "is_final": version.record.posted_at <= settled_at,
                "previous_root": None if version.previous_root is None else f"0x{version.previous_root.hex()}",
                "reason": version.reason,
            }
            for version in day.versions
        ],
    }


def _hours(behind: timedelta | None) -> float | None:
    return None if behind is None else round(behind.total_seconds() / 3600, 2)
