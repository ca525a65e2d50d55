"""What was found before: runs, one of them with its items and its report, the custodian's statements."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from fntx_dagster.audit.event import EventSubject, NewAuditEvent
from fntx_dagster.errors import Permanent
from fntx_dagster.reconciliation.catalogue import CHECKS
from fntx_dagster.report.reconciliation_html import reconciliation_html
from fntx_dagster.services.auditing.log import append
from fntx_dagster.services.governance.configuration import configured
from fntx_dagster.services.governance.signers import TERMINAL
from fntx_dagster.services.reconciling.records import XRP
from fntx_dagster.services.reconciling.running import written
from fntx_dagster.settings import Settings
from fntx_dagster.store.database import Database
from fntx_dagster.store.treasury.reconciliations import (
    CustodyStatementRow,
    ReconItemRow,
    ReconRunRow,
    add_statement,
    recon_items,
    recon_report,
    recon_run,
    recon_runs,
)

MOST_RUNS = 100


class NoSuchRun(Permanent):
    """There is no reconciliation of that number."""


class KeptRun(NamedTuple):
    """A run with its items and its report."""

    run: ReconRunRow
    items: list[ReconItemRow]
    report: dict[str, Any]


def runs(db: Database, most: int = MOST_RUNS) -> list[ReconRunRow]:
    """The newest runs, the newest first."""
    with db.connect() as connection:
        return recon_runs(connection, most)


def kept(db: Database, run_no: int | None = None) -> KeptRun:
    """A run by its number, or the newest. Raises NoSuchRun."""
    with db.snapshot() as snapshot, snapshot.connect() as connection:
        newest = recon_runs(connection, 1) if run_no is None else []
        row = newest[0] if newest else None if run_no is None else recon_run(connection, run_no)
        if row is None:
            words = "nothing was reconciled yet" if run_no is None else f"there is no reconciliation {run_no}"
            raise NoSuchRun(words, "`fntx reconcile list` lists them, `fntx reconcile run` makes one")
        return KeptRun(row, recon_items(connection, row.run_no), json.loads(recon_report(connection, row.run_no)))


def written_for(suffix: str, report: dict[str, Any]) -> str:
    """A report for a file that ends so: HTML for `.html`, else JSON."""
    if suffix != ".html":
        return written(report)
    return reconciliation_html(report, {each.id: each.to_do for each in CHECKS})


def state_custody(settings: Settings, db: Database, total: Decimal, token: str, as_of: date, by: str = TERMINAL) -> int:
    """Enter what the custodian states stood in escrow of a token at the end of a day (drops, of XRP), and return the
    statement's number; the audit log tells it. Raises Permanent for an amount below zero, and for a token that the
    configuration does not name."""
    config = configured(settings)
    lines = [row for account in config.document["xrpl"]["accounts"].values() for row in account["trustlines"]]
    own = [each.code for each in config.tokens if each.ledger == "xrpl"]
    known = {XRP, *own, *(row["currency"] for row in lines)}
    if token not in known:
        raise Permanent(f"there is no token {token[:40]!r}", f"Take one of {', '.join(sorted(known))}")
    if not total.is_finite() or total < 0:
        raise Permanent("the total is no amount from 0 on", "Give it as digits, such as 250000.00")
    with db.connect() as connection:
        number = add_statement(connection, CustodyStatementRow(as_of, token, total, by))
        details = {"total": f"{total:f}", "token": token, "as_of": f"{as_of}"}
        append(
            settings,
            connection,
            NewAuditEvent("document_attested", by, EventSubject("custody_statement", f"{number}"), details),
        )
    return number
