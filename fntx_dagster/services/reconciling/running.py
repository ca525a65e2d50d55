"""A reconciliation: the records first, then both ledgers, the judgement, and what is kept of it, in one transaction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.foreign import cleaned
from fntx_dagster.reconciliation.checks import SCOPES, ReconInput, reconcile
from fntx_dagster.reconciliation.items import ReconItem, ReconSummary, summary_of
from fntx_dagster.reconciliation.report import attested, report_hash, report_of
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.reconciling.alarms import raise_for
from fntx_dagster.services.reconciling.observing import observe
from fntx_dagster.services.reconciling.records import Record, records_of, signer_ids
from fntx_dagster.services.reconciling.views import Part, is_error
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.reconciliations import ReconItemRow, ReconRunRow, add_run, next_run

_LONGEST = 500
"""Signs of a text of a report: servers wrote some of it."""
_MOST_DETAILS = 100
"""Differences of a check in a report: anybody can open a line to an account of ours."""


class Reconciliation(NamedTuple):
    """A run that was kept: its number, its items, its report with the attestation, and the file of that."""

    run: ReconRunRow
    items: list[ReconItem]
    report: dict[str, Any]
    file: Path

    @property
    def summary(self) -> ReconSummary:
        return summary_of(self.items)


def run(
    settings: Settings, db: Database, scope: str = "full", *, now: datetime | None = None, by: str = TERMINAL
) -> Reconciliation:
    """Ask the ledgers of a scope and the database, judge, and keep it: tables, the event reconciliation_run, a file of
    the home, and alerts. A server that does not answer is an error of its checks. Raises Permanent without a
    configuration that can be read, and for a scope that there is not."""
    if scope not in SCOPES:
        raise Permanent(f"there is no scope {scope!r}", f"Take one of {', '.join(SCOPES)}")
    config = configured(settings)
    at = now or datetime.now(UTC)
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        ids = signer_ids(connection, config, at)
        # before the ledgers: what is confirmed meanwhile is then on a ledger and under way here, not the other way
        records = records_of(settings, connection, config, ids, at)
    observed = observe(settings, config, scope, ids)
    _bound_history(observed, records)
    given = ReconInput(config.document, observed, records, int(at.timestamp()))
    items = [_cleaned(item) for item in reconcile(given, scope)]
    report = report_of(config.document, observed, items, scope, at)
    kept, whole = _keep(settings, db, report, items, at, by)
    raise_for(db, items, kept.run_no)
    return Reconciliation(kept, items, whole, save(settings, whole, at))


def _bound_history(observed: Part, records: Record) -> None:
    """Where the history of a server begins after a transaction of ours, it cannot show that all are there."""
    transactions = observed.get("account_transactions")
    if transactions is None or is_error(transactions):
        return
    for ledger, begins in transactions.get("begins", {}).items():
        oldest = records["oldest"][ledger]
        if oldest is not None and oldest < begins:
            words = f"the server's history of {ledger} begins with ledger {begins}, and ours with {oldest}"
            observed["account_transactions"] = {"error": f"{words}: name one with a longer history"}


def _cleaned(item: ReconItem) -> ReconItem:
    """An item without signs that steer a terminal; a long list of differences is cut."""
    texts = {name: cleaned(getattr(item, name), _LONGEST) for name in ("expected", "actual")}
    details = [cleaned(each, _LONGEST) for each in item.details[:_MOST_DETAILS]]
    if len(item.details) > _MOST_DETAILS:
        details.append(f"and {len(item.details) - _MOST_DETAILS:,} more differences")
    return item._replace(**texts, details=tuple(details))


def _keep(
    settings: Settings, db: Database, report: Any, items: list[ReconItem], at: datetime, by: str
) -> tuple[ReconRunRow, dict[str, Any]]:
    meta, summary, digest = report["metadata"], summary_of(items), report_hash(report)
    counts = summary._asdict() | {"scope": meta["scope"], "report_hash": digest}
    with db.connect() as connection:
        number = next_run(connection)
        event = NewAuditEvent("reconciliation_run", by, EventSubject("reconciliation", f"{number}"), counts)
        seq = append(settings, connection, event)
        whole = attested(report, seq)
        row = ReconRunRow(
            number,
            at,
            meta["scope"],
            meta["network"],
            meta["ledger"]["xrpl"],
            meta["ledger"]["stellar"],
            summary.matched,
            summary.mismatched,
            summary.pending,
            summary.errors,
            summary.overall_status,
            digest,
            seq,
            by,
        )
        add_run(connection, row, written(whole), [_row(item) for item in items])
    return row, whole


def _row(item: ReconItem) -> ReconItemRow:
    return ReconItemRow(
        item.id,
        item.check,
        item.ledger,
        item.expected,
        item.actual,
        item.status.value,
        item.severity,
        [*item.details],
    )


def written(report: Any) -> str:
    """A report as its file holds it."""
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def save(settings: Settings, report: Any, at: datetime) -> Path:
    """Write a report into the home, beside those of the same second."""
    folder = settings.paths.reports
    folder.mkdir(parents=True, exist_ok=True)
    name, count = f"reconciliation-{at.astimezone(UTC):%Y-%m-%dT%H-%M-%SZ}", 1
    while True:
        file = folder / f"{name}{f'-{count}' if count > 1 else ''}.json"
        try:
            with file.open("x", encoding="utf-8") as stream:
                stream.write(written(report))
        except FileExistsError:
            count += 1
        else:
            return file
