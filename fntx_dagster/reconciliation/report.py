"""The report of a reconciliation: when and where, what it comes to, every item, and the hash that the log keeps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from fntx_dagster.audit.canonical import canonical
from fntx_dagster.reconciliation.items import ReconItem, summary_of
from fntx_dagster.reconciliation.reading import Document


def report_of(config: Document, observed: Document, items: Sequence[ReconItem], scope: str, at: datetime) -> Document:
    """The report without its attestation, at a time (aware)."""
    ledgers = {"xrpl": "ledger_index", "stellar": "ledger"}
    return {
        "metadata": {
            "generated": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "network": config["network"],
            "scope": scope,
            "platform": config["platform"],
            "version": config["version"],
            "ledger": {name: observed.get(name, {}).get(number) for name, number in ledgers.items()},
        },
        "summary": summary_of(items)._asdict(),
        "items": [item.document for item in items],
    }


def report_hash(report: Document) -> str:
    """SHA-256 of the canonical form of a report, its attestation left out, in hex."""
    rest = {name: value for name, value in report.items() if name != "attestation"}
    return sha256(canonical(rest)).hexdigest()


def attested(report: Document, seq: int) -> dict[str, Any]:
    """A report with its hash and the number of the event that holds it."""
    return {**report, "attestation": {"hash": report_hash(report), "seq": seq}}
